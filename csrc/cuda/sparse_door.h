// What the CUDA doors of the sparse operators share.
#pragma once

#include <optional>

#include "cuda/launch.h"
#include "cuda/sparse.cuh"
#include "sparse_checks.h"

namespace topicforge {
namespace cuda {

inline Tensor new_grad(const Tensor& x, bool wanted) {
  return wanted ? torch::stable::new_empty(x, x.sizes()) : new_vector(x, 0);
}

// The rows of contiguous CUDA tensors. Their elements are not looked at: that would wait for the
// device.
template <class T>
SparseRows<T> sparse_rows(
    const Tensor& crow, const Tensor& col, const Tensor& value, int64_t words) {
  return {
      crow.const_data_ptr<int64_t>(), col.const_data_ptr<int64_t>(), value.const_data_ptr<T>(),
      crow.size(0) - 1, col.size(0), words};
}

inline unsigned grid_for(int64_t count, int64_t size) {
  return static_cast<unsigned>(blocks_for(count, size));
}

// The document of each entry, (nnz,) int64.
inline Tensor document_of_entry(const Launch& launch, const Tensor& crow, const Tensor& col) {
  const Tensor document = new_vector(col, col.size(0));
  if (col.size(0) > 0) {
    documents_of<<<grid_for(col.size(0), kLine), kLine, 0, launch.stream()>>>(
        crow.const_data_ptr<int64_t>(), crow.size(0) - 1, col.size(0),
        document.mutable_data_ptr<int64_t>());
    check_launch();
  }
  return document;
}

// The entries by word: torch's own stable sort, whose order is one.
class WordOrder {
 public:
  WordOrder(const Launch& launch, const Tensor& crow, const Tensor& col)
      : document_(document_of_entry(launch, crow, col)), sorted_(col), place_(col) {
    std::array<StableIValue, 4> stack{
        torch::stable::detail::from(col), torch::stable::detail::from(std::optional<bool>(true)),
        torch::stable::detail::from(int64_t(0)), torch::stable::detail::from(false)};
    STABLE_TORCH_ERROR_CODE_CHECK(
        torch_call_dispatcher("aten::sort", "stable", stack.data(), TORCH_ABI_VERSION));
    sorted_ = torch::stable::detail::to<Tensor>(stack[0]);
    place_ = torch::stable::detail::to<Tensor>(stack[1]);
  }
  ByWord order(const int64_t* names = nullptr) const {
    return {
        sorted_.const_data_ptr<int64_t>(), place_.const_data_ptr<int64_t>(),
        document_.const_data_ptr<int64_t>(), names, sorted_.size(0)};
  }
  const Tensor& sorted() const { return sorted_; }

 private:
  Tensor document_, sorted_, place_;
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

template <class T>
void launch_dot_entries(
    const Launch& launch, const SparseRows<T>& x, const Tensor& document, const T* left,
    const T* right, int64_t columns, T* out) {
  if (x.entries == 0) return;
  dot_entries<T><<<grid_for(x.entries * kWarp, kLine), kLine, 0, launch.stream()>>>(
      ByDocument<T>{x}, document.const_data_ptr<int64_t>(), left, right, columns, out);
  check_launch();
}

}  // namespace cuda
}  // namespace topicforge
