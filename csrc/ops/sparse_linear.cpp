#include "ops/sparse_linear.h"

#include <tuple>

#include "ops/counts.h"

namespace topicforge {
namespace {

constexpr const char* kOp = "sparse_linear";

Tensor forward(
    const Tensor& crow, const Tensor& col, const Tensor& value, const Tensor& weight_in,
    const Tensor& bias_in) {
  Arguments in(kOp);
  const Tensor weight = in.numbers("weight", weight_in, {kAny, kAny});
  const int64_t H = weight.size(1);
  const Tensor bias = in.numbers("bias", bias_in, {H});
  const Counts x(in, crow, col, value, weight.size(0));
  const Tensor out = empty(weight, {x.documents, H});
  const Device& device = device_of(weight);
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    sparse_linear_kernels<T>().forward(
        x.rows<T>(), read<T>(weight), read<T>(bias), H, write<T>(out), device);
  });
  return out;
}

std::tuple<Tensor, Tensor, Tensor> backward(
    const Tensor& grad_in, const Tensor& crow, const Tensor& col, const Tensor& value,
    const Tensor& weight_in, bool want_value, bool want_weight, bool want_bias) {
  Arguments in(kOp);
  const Tensor weight = in.numbers("weight", weight_in, {kAny, kAny});
  const int64_t H = weight.size(1);
  const Counts x(in, crow, col, value, weight.size(0));
  const Tensor grad = in.numbers("grad", grad_in, {x.documents, H});
  const Tensor grad_value = empty_gradient(x.value, want_value);
  const Tensor grad_weight = empty_gradient(weight, want_weight);
  const Tensor grad_bias = empty(weight, {want_bias ? H : 0});
  const Device& device = device_of(weight);
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    sparse_linear_kernels<T>().backward(
        x.rows<T>(), read<T>(grad), read<T>(weight), H, write_if<T>(want_value, grad_value),
        write_if<T>(want_weight, grad_weight), write_if<T>(want_bias, grad_bias), device);
  });
  return {grad_value, grad_weight, grad_bias};
}

}  // namespace

// crow (B + 1,), col (nnz,) int64 and value (nnz,). The want_* say which gradients to make; a tensor
// without elements stands for another.
TOPICFORGE_SCHEMAS(m) {
  m.def(
      "sparse_linear(Tensor crow, Tensor col, Tensor value, Tensor weight, Tensor bias) "
      "-> Tensor");
  m.def(
      "_sparse_linear_backward(Tensor grad, Tensor crow, Tensor col, Tensor value, "
      "Tensor weight, bool want_value, bool want_weight, bool want_bias) "
      "-> (Tensor, Tensor, Tensor)");
}

TOPICFORGE_IMPLEMENTATIONS(m) {
  m.impl("sparse_linear", TORCH_BOX(&forward));
  m.impl("_sparse_linear_backward", TORCH_BOX(&backward));
}

}  // namespace topicforge
