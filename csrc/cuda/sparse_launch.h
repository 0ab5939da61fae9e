// Launches that the sparse operators share.
#pragma once

#include <array>
#include <optional>

#include "cuda/launch.h"
#include "cuda/sparse.cuh"

namespace topicforge {
namespace cuda {

inline unsigned grid_for(int64_t count, int64_t size) {
  return static_cast<unsigned>(blocks_for(count, size));
}

// The document of each entry, (nnz,).
template <class T>
Buffer<int64_t> document_of_entry(const Launch& launch, const SparseRows<T>& x) {
  Buffer<int64_t> document(launch, x.entries);
  if (x.entries > 0) {
    documents_of<<<grid_for(x.entries, kLine), kLine, 0, launch.stream()>>>(
        x.crow, x.documents, x.entries, document.get());
    check_launch();
  }
  return document;
}

// The entries by word: torch's own stable sort, whose order is one.
class WordOrder {
 public:
  template <class T>
  WordOrder(const Launch& launch, const SparseRows<T>& x)
      : entries_(x.entries),
        document_(document_of_entry(launch, x)),
        sorted_(view(launch, x.col, 1, x.entries, x.entries, 1)),
        place_(sorted_) {
    std::array<StableIValue, 4> stack{
        torch::stable::detail::from(sorted_),
        torch::stable::detail::from(std::optional<bool>(true)),
        torch::stable::detail::from(int64_t(1)), torch::stable::detail::from(false)};
    STABLE_TORCH_ERROR_CODE_CHECK(
        torch_call_dispatcher("aten::sort", "stable", stack.data(), TORCH_ABI_VERSION));
    sorted_ = torch::stable::detail::to<Tensor>(stack[0]);
    place_ = torch::stable::detail::to<Tensor>(stack[1]);
  }
  ByWord order() const {
    return {
        sorted_.const_data_ptr<int64_t>(), place_.const_data_ptr<int64_t>(), document_.get(),
        entries_};
  }

 private:
  int64_t entries_;
  Buffer<int64_t> document_;
  Tensor sorted_, place_;
};

template <class T, class Order>
void launch_scaled_rows(
    const Launch& launch, const Order& order, int64_t rows, const T* scale, const T* x,
    int64_t columns, const T* first, int64_t step, T* out) {
  if (rows == 0 || columns == 0) return;
  const dim3 grid(static_cast<unsigned>(rows), grid_for(columns, kLine));
  add_scaled_rows<T><<<grid, kLine, 0, launch.stream()>>>(
      order, scale, x, columns, first, step, out);
  check_launch();
}

// out[i] = left[document(i)] · right[word(i)], rows of `columns` numbers.
template <class T>
void launch_dot_entries(
    const Launch& launch, const SparseRows<T>& x, const T* left, const T* right, int64_t columns,
    T* out) {
  if (x.entries == 0) return;
  const Buffer<int64_t> document = document_of_entry(launch, x);
  dot_entries<T><<<grid_for(x.entries * kWarp, kLine), kLine, 0, launch.stream()>>>(
      ByDocument<T>{x}, document.get(), left, right, columns, out);
  check_launch();
}

}  // namespace cuda
}  // namespace topicforge
