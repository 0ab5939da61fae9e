#include "ops/sparse_multinomial_nll.h"

#include <tuple>

#include "ops/counts.h"

namespace topicforge {
namespace {

constexpr const char* kOp = "sparse_multinomial_nll";

// Counts, theta (B, K) and topic_word (V, K).
struct Problem {
  Problem(
      Arguments& in, const Tensor& crow, const Tensor& col, const Tensor& count,
      const Tensor& theta_in, const Tensor& topic_word_in)
      : topic_word(in.numbers("topic_word", topic_word_in, {kAny, kAny})),
        counts(in, crow, col, count, topic_word.size(0)),
        theta(in.numbers("theta", theta_in, {counts.documents, topic_word.size(1)})),
        K(theta.size(1)),
        device(device_of(theta)) {}

  Tensor topic_word;
  Counts counts;
  Tensor theta;
  int64_t K;
  Device device;
};

std::tuple<Tensor, Tensor> forward(
    const Tensor& crow, const Tensor& col, const Tensor& count, const Tensor& theta,
    const Tensor& topic_word) {
  Arguments in(kOp);
  const Problem of(in, crow, col, count, theta, topic_word);
  const Tensor nll = empty(of.theta, {of.counts.documents});
  const Tensor p = empty(of.theta, {of.counts.entries});
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    sparse_multinomial_nll_kernels<T>().forward(
        of.counts.rows<T>(), read<T>(of.theta), read<T>(of.topic_word), of.K, write<T>(p),
        write<T>(nll), of.device);
  });
  return {nll, p};
}

std::tuple<Tensor, Tensor> backward(
    const Tensor& grad_in, const Tensor& crow, const Tensor& col, const Tensor& count,
    const Tensor& theta, const Tensor& topic_word, const Tensor& p_in, bool want_theta,
    bool want_topic_word) {
  Arguments in(kOp);
  const Problem of(in, crow, col, count, theta, topic_word);
  const Tensor grad = in.numbers("grad", grad_in, {of.counts.documents});
  const Tensor p = in.numbers("p", p_in, {of.counts.entries});
  const Tensor grad_theta = empty_gradient(of.theta, want_theta);
  const Tensor grad_topic_word = empty_gradient(of.topic_word, want_topic_word);
  in.with_type([&](auto zero) {
    using T = decltype(zero);
    sparse_multinomial_nll_kernels<T>().backward(
        of.counts.rows<T>(), read<T>(grad), read<T>(p), read<T>(of.theta), read<T>(of.topic_word),
        of.K, write_if<T>(want_theta, grad_theta),
        write_if<T>(want_topic_word, grad_topic_word), of.device);
  });
  return {grad_theta, grad_topic_word};
}

}  // namespace

// crow (B + 1,), col (nnz,) int64 and count (nnz,). want_theta and want_topic_word say which gradients
// to make; a tensor without elements stands for another.
TOPICFORGE_SCHEMAS(m) {
  // (nll, p): the probability of each entry comes from the same pass and serves the backward.
  m.def(
      "sparse_multinomial_nll(Tensor crow, Tensor col, Tensor count, Tensor theta, "
      "Tensor topic_word) -> (Tensor, Tensor)");
  m.def(
      "_sparse_multinomial_nll_backward(Tensor grad, Tensor crow, Tensor col, Tensor count, "
      "Tensor theta, Tensor topic_word, Tensor p, bool want_theta, bool want_topic_word) "
      "-> (Tensor, Tensor)");
}

TOPICFORGE_IMPLEMENTATIONS(m) {
  m.impl("sparse_multinomial_nll", TORCH_BOX(&forward));
  m.impl("_sparse_multinomial_nll_backward", TORCH_BOX(&backward));
}

}  // namespace topicforge
