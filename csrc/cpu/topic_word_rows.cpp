#include "cpu/kernels/topic_word_rows.h"

#include <tuple>

#include "checks.h"
#include "cpu/torch_pool.h"
#include "row_checks.h"

namespace topicforge {
namespace {

constexpr const char* kOp = "topic_word_rows";

template <class T>
const TopicWordRowsFunctions<T>& functions() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return topic_word_rows_kernels().f32;
  } else {
    return topic_word_rows_kernels().f64;
  }
}

std::tuple<Tensor, Tensor> forward(
    const Tensor& weight_in, const Tensor& topic_in, const Tensor& word_in) {
  check_matrix(kOp, "weight", weight_in);
  check_matrix(kOp, "topic", topic_in);
  check_columns(kOp, "weight", weight_in, "topic", topic_in);
  check_vector(kOp, "word", word_in, word_in.numel());
  STD_TORCH_CHECK(weight_in.size(0) > 0, kOp, ": weight must have a row a word, but has none");
  const ScalarType type = check_types(kOp, weight_in, topic_in);
  const Tensor weight = row_major(weight_in), topic = row_major(topic_in);
  const Tensor word = row_major(word_in);
  const int64_t V = weight.size(0), K = topic.size(0), E = topic.size(1), R = word.size(0);
  check_rising(kOp, word, V);
  const Tensor beta = room(topic, {R, K}), mean = room(topic, {K, E});
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().forward(
        {weight.const_data_ptr<T>(), topic.const_data_ptr<T>(), word.const_data_ptr<int64_t>(), V,
         K, E, R},
        beta.mutable_data_ptr<T>(), mean.mutable_data_ptr<T>(), torch_pool());
  });
  return {beta, mean};
}

Tensor backward(
    const Tensor& grad_in, const Tensor& beta_in, const Tensor& mean_in, const Tensor& weight_in,
    const Tensor& word_in) {
  check_matrix(kOp, "weight", weight_in);
  check_matrix(kOp, "mean", mean_in);
  check_columns(kOp, "weight", weight_in, "mean", mean_in);
  check_vector(kOp, "word", word_in, word_in.numel());
  const int64_t V = weight_in.size(0), K = mean_in.size(0), E = mean_in.size(1);
  const int64_t R = word_in.size(0);
  check_shape(kOp, "grad", grad_in, R, K);
  check_shape(kOp, "beta", beta_in, R, K);
  const ScalarType type = check_types(kOp, weight_in, grad_in, beta_in, mean_in);
  const Tensor weight = row_major(weight_in), word = row_major(word_in);
  const Tensor grad = row_major(grad_in), beta = row_major(beta_in), mean = row_major(mean_in);
  check_rising(kOp, word, V);
  const Tensor topic_grad = room(mean, {K, E});
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    functions<T>().backward(
        {weight.const_data_ptr<T>(), nullptr, word.const_data_ptr<int64_t>(), V, K, E, R},
        grad.const_data_ptr<T>(), beta.const_data_ptr<T>(), mean.const_data_ptr<T>(),
        topic_grad.mutable_data_ptr<T>(), torch_pool());
  });
  return topic_grad;
}

}  // namespace
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CPU, m) {
  m.impl("topic_word_rows", TORCH_BOX(&topicforge::forward));
  m.impl("_topic_word_rows_backward", TORCH_BOX(&topicforge::backward));
}
