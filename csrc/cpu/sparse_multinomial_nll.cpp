#include <tuple>

#include "cpu/kernels/sparse_multinomial.h"
#include "cpu/sparse_door.h"
#include "cpu/torch_pool.h"

namespace topicforge {
namespace {


constexpr const char* kOp = "sparse_multinomial_nll";

template <class T>
const SparseMultinomialFunctions<T>& functions() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return sparse_multinomial_kernels().f32;
  } else {
    return sparse_multinomial_kernels().f64;
  }
}

ScalarType check(
    const Tensor& crow, const Tensor& col, const Tensor& count, const Tensor& theta,
    const Tensor& topic_word) {
  check_rows(kOp, crow, col, count);
  check_matrix(kOp, "topic_word", topic_word);
  check_shape(kOp, "theta", theta, crow.size(0) - 1, topic_word.size(1));
  return check_types(kOp, theta, topic_word, count);
}

std::tuple<Tensor, Tensor> forward(
    const Tensor& crow_in, const Tensor& col_in, const Tensor& count_in, const Tensor& theta_in,
    const Tensor& topic_word_in) {
  const ScalarType type = check(crow_in, col_in, count_in, theta_in, topic_word_in);
  const Tensor crow = row_major(crow_in), col = row_major(col_in), count = row_major(count_in);
  const Tensor theta = row_major(theta_in), topic_word = row_major(topic_word_in);
  const Tensor nll = new_vector(theta, theta.size(0)), p = new_vector(theta, col.size(0));
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().forward(
        sparse_rows<T>(kOp, crow, col, count, topic_word.size(0)), theta.const_data_ptr<T>(),
        topic_word.const_data_ptr<T>(), theta.size(1), p.mutable_data_ptr<T>(),
        nll.mutable_data_ptr<T>(), torch_pool());
  });
  return {nll, p};
}

std::tuple<Tensor, Tensor> backward(
    const Tensor& grad_in, const Tensor& crow_in, const Tensor& col_in, const Tensor& count_in,
    const Tensor& theta_in, const Tensor& topic_word_in, const Tensor& p_in, bool want_theta,
    bool want_topic_word) {
  const ScalarType type = check(crow_in, col_in, count_in, theta_in, topic_word_in);
  check_types(kOp, theta_in, grad_in, p_in);
  check_vector(kOp, "grad", grad_in, theta_in.size(0));
  check_vector(kOp, "p", p_in, col_in.size(0));
  const Tensor crow = row_major(crow_in), col = row_major(col_in), count = row_major(count_in);
  const Tensor theta = row_major(theta_in), topic_word = row_major(topic_word_in);
  const Tensor grad = row_major(grad_in), p = row_major(p_in);
  const Tensor grad_theta = new_grad(theta, want_theta);
  const Tensor grad_topic_word = new_grad(topic_word, want_topic_word);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().backward(
        sparse_rows<T>(kOp, crow, col, count, topic_word.size(0)), grad.const_data_ptr<T>(),
        p.const_data_ptr<T>(), theta.const_data_ptr<T>(), topic_word.const_data_ptr<T>(),
        theta.size(1), data_if<T>(grad_theta, want_theta),
        data_if<T>(grad_topic_word, want_topic_word), torch_pool());
  });
  return {grad_theta, grad_topic_word};
}

}  // namespace
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CPU, m) {
  m.impl("sparse_multinomial_nll", TORCH_BOX(&topicforge::forward));
  m.impl("_sparse_multinomial_nll_backward", TORCH_BOX(&topicforge::backward));
}
