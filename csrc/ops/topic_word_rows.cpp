#include "ops/topic_word_rows.h"

#include <tuple>

#include "ops/device.h"

namespace topicforge {
namespace {

constexpr const char* kOp = "topic_word_rows";

// Word vectors (V, E) and the words (R,), each number once and rising.
struct Words {
  Words(Arguments& in, const Tensor& weight_in, const Tensor& word_in)
      : weight(in.numbers("weight", weight_in, {kAny, kAny})),
        word(in.integers("word", word_in, {kAny})),
        V(weight.size(0)),
        E(weight.size(1)),
        R(word.size(0)) {
    STD_TORCH_CHECK(V > 0, kOp, ": the vocabulary must not be empty");
    const int64_t* w = read<int64_t>(word);
    bool good = R == 0 || (w[0] >= 0 && w[R - 1] < V);
    for (int64_t r = 1; r < R; ++r) good &= w[r - 1] < w[r];
    STD_TORCH_CHECK(good, kOp, ": word must rise within [0, ", V, ") without repeats");
  }

  template <class T>
  TopicWordProblem<T> problem(const T* topic, int64_t K) const {
    return {read<T>(weight), topic, read<int64_t>(word), V, K, E, R};
  }

  Tensor weight, word;
  int64_t V, E, R;
};

std::tuple<Tensor, Tensor> forward(
    const Tensor& weight, const Tensor& topic_in, const Tensor& word) {
  Arguments in(kOp);
  const Words words(in, weight, word);
  const Tensor topic = in.numbers("topic", topic_in, {kAny, words.E});
  const int64_t K = topic.size(0);
  const Tensor beta = empty(topic, {words.R, K}), mean = empty(topic, {K, words.E});
  const Device& device = device_of(topic);
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    topic_word_rows_kernels<T>().forward(
        words.problem<T>(read<T>(topic), K), write<T>(beta), write<T>(mean), device);
  });
  return {beta, mean};
}

Tensor backward(
    const Tensor& grad_in, const Tensor& beta_in, const Tensor& mean_in, const Tensor& weight,
    const Tensor& word) {
  Arguments in(kOp);
  const Words words(in, weight, word);
  const Tensor mean = in.numbers("mean", mean_in, {kAny, words.E});
  const int64_t K = mean.size(0);
  const Tensor grad = in.numbers("grad", grad_in, {words.R, K});
  const Tensor beta = in.numbers("beta", beta_in, {words.R, K});
  const Tensor out = empty_gradient(mean);
  const Device& device = device_of(mean);
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    topic_word_rows_kernels<T>().backward(
        words.problem<T>(nullptr, K), read<T>(grad), read<T>(beta), read<T>(mean), write<T>(out),
        device);
  });
  return out;
}

}  // namespace

TOPICFORGE_SCHEMAS(m) {
  // (rows of softmax_v(w_v · t_k), mean of the weight under it), both from one pass over the words.
  m.def("topic_word_rows(Tensor weight, Tensor topic, Tensor word) -> (Tensor, Tensor)");
  m.def(
      "_topic_word_rows_backward(Tensor grad, Tensor beta, Tensor mean, Tensor weight, "
      "Tensor word) -> Tensor");
}

TOPICFORGE_IMPLEMENTATIONS(m) {
  m.impl("topic_word_rows", TORCH_BOX(&forward));
  m.impl("_topic_word_rows_backward", TORCH_BOX(&backward));
}

}  // namespace topicforge
