#include "cpu/kernels/dirichlet.h"
#include "cpu/sparse_door.h"
#include "cpu/torch_pool.h"

namespace topicforge {
namespace {

Tensor sample(const Tensor& concentration_in, int64_t n, const Tensor& seed) {
  constexpr const char* op = "sample_log_dirichlet";
  STD_TORCH_CHECK(
      concentration_in.dim() == 1 && concentration_in.size(0) > 0, op,
      ": concentration must have shape (K,), K >= 1, but has ", concentration_in.dim(),
      " dimensions and ", concentration_in.numel(), " elements");
  STD_TORCH_CHECK(n >= 0, op, ": n must not be negative, but is ", n);
  STD_TORCH_CHECK(
      seed.scalar_type() == ScalarType::Long && seed.numel() == 1, op,
      ": seed must be one int64 number");
  const ScalarType type = check_types(op, concentration_in);
  const Tensor concentration = row_major(concentration_in);
  const int64_t K = concentration.size(0);
  const Tensor out = new_matrix(concentration, n, K);
  const uint64_t key = static_cast<uint64_t>(*seed.const_data_ptr<int64_t>());
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const T* alpha = concentration.const_data_ptr<T>();
    for (int64_t k = 0; k < K; ++k) {
      STD_TORCH_CHECK(
          alpha[k] > T(0) && alpha[k] < std::numeric_limits<T>::infinity(), op,
          ": every concentration must be positive and finite, but number ", k, " is ", alpha[k]);
    }
    if constexpr (sizeof(T) == sizeof(float)) {
      dirichlet_kernels().f32(alpha, n, K, key, out.mutable_data_ptr<T>(), torch_pool());
    } else {
      dirichlet_kernels().f64(alpha, n, K, key, out.mutable_data_ptr<T>(), torch_pool());
    }
  });
  return out;
}

}  // namespace
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CPU, m) {
  m.impl("sample_log_dirichlet", TORCH_BOX(&topicforge::sample));
}
