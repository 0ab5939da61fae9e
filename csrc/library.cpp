// Every operator's schema, once. Kernels register themselves for their device in cpu/<op>.cpp
// and cuda/<op>.cu; shapes and gradients are registered in Python, topicforge/ops/_<op>.py.
#include <torch/csrc/stable/library.h>

#include <exception>
#include <string>

#include "cpu/instruction_set.h"

STABLE_TORCH_LIBRARY(topicforge, m) {
  // Maximum mean discrepancy with the diffusion kernel. The second form makes value and
  // gradients in one pass; want_q and want_p say which gradients (an empty tensor otherwise).
  m.def("diffusion_mmd(Tensor log_q, Tensor log_p, float t=1.0, bool unbiased=True) -> Tensor");
  m.def(
      "_diffusion_mmd_grad(Tensor log_q, Tensor log_p, float t, bool unbiased, bool want_q, "
      "bool want_p) -> (Tensor, Tensor, Tensor)");
  m.def("diffusion_kernel(Tensor log_q, Tensor log_p, float t=1.0) -> Tensor");
  m.def(
      "_diffusion_kernel_backward(Tensor grad, Tensor log_q, Tensor log_p, float t, bool want_q, "
      "bool want_p) -> (Tensor, Tensor)");

  // Gaussian mixtures; log_var is (C, L) or (C, 1).
  m.def(
      "mixture_log_prob(Tensor z, Tensor loc, Tensor log_var, Tensor log_weight) -> Tensor");
  m.def(
      "_mixture_log_prob_backward(Tensor grad, Tensor z, Tensor loc, Tensor log_var, "
      "Tensor log_weight, Tensor log_prob) -> (Tensor, Tensor, Tensor, Tensor)");
  // The same on the CPU with the responsibilities kept for the backward: (B, C), but in an order of
  // the kernel's own.
  m.def(
      "_mixture_log_prob_keep(Tensor z, Tensor loc, Tensor log_var, Tensor log_weight) "
      "-> (Tensor, Tensor)");
  m.def(
      "_mixture_log_prob_kept_backward(Tensor grad, Tensor z, Tensor loc, Tensor log_var, "
      "Tensor shares) -> (Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "mixture_responsibilities(Tensor z, Tensor loc, Tensor log_var, Tensor log_weight) "
      "-> Tensor");
  m.def(
      "_mixture_responsibilities_backward(Tensor grad, Tensor z, Tensor loc, Tensor log_var, "
      "Tensor responsibilities) -> (Tensor, Tensor, Tensor, Tensor)");
  // (bound, log p(z), gap): the second and third come from the same pass and serve the backward.
  m.def(
      "mixture_kl_bound(Tensor loc, Tensor log_var, Tensor z, Tensor mix_loc, "
      "Tensor mix_log_var, Tensor log_weight) -> (Tensor, Tensor, Tensor)");
  m.def(
      "_mixture_kl_bound_backward(Tensor grad, Tensor grad_log_prob, Tensor grad_gap, Tensor loc, "
      "Tensor log_var, Tensor z, Tensor mix_loc, Tensor mix_log_var, Tensor log_weight, "
      "Tensor log_prob, Tensor gap) -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)");

  // Sparse counts: crow (B + 1,) and col (nnz,) int64, count or value (nnz,). Every want_* says
  // which gradient to make (an empty tensor otherwise).
  // (nll, p): the probability of each entry comes from the same pass and serves the backward.
  m.def(
      "sparse_multinomial_nll(Tensor crow, Tensor col, Tensor count, Tensor theta, "
      "Tensor topic_word) -> (Tensor, Tensor)");
  m.def(
      "_sparse_multinomial_nll_backward(Tensor grad, Tensor crow, Tensor col, Tensor count, "
      "Tensor theta, Tensor topic_word, Tensor p, bool want_theta, bool want_topic_word) "
      "-> (Tensor, Tensor)");
  // (nll, log_sum_exp).
  m.def(
      "product_multinomial_nll(Tensor crow, Tensor col, Tensor count, Tensor theta, "
      "Tensor weight, Tensor bias) -> (Tensor, Tensor)");
  m.def(
      "_product_multinomial_nll_backward(Tensor grad, Tensor crow, Tensor col, Tensor count, "
      "Tensor theta, Tensor weight, Tensor bias, Tensor log_sum_exp, bool want_theta, "
      "bool want_weight, bool want_bias) -> (Tensor, Tensor, Tensor)");
  m.def(
      "sparse_linear(Tensor crow, Tensor col, Tensor value, Tensor weight, Tensor bias) "
      "-> Tensor");
  m.def(
      "_sparse_linear_backward(Tensor grad, Tensor crow, Tensor col, Tensor value, "
      "Tensor weight, bool want_value, bool want_weight, bool want_bias) "
      "-> (Tensor, Tensor, Tensor)");
  // The weight's gradient as (words that occur, their rows).
  m.def(
      "_sparse_linear_backward_rows(Tensor grad, Tensor crow, Tensor col, Tensor value, "
      "int n_words) -> (Tensor, Tensor)");
  // (rows of softmax_v(w_v · t_k), mean of the weight under it), both from one pass over the words.
  m.def("topic_word_rows(Tensor weight, Tensor topic, Tensor word) -> (Tensor, Tensor)");
  m.def(
      "_topic_word_rows_backward(Tensor grad, Tensor beta, Tensor mean, Tensor weight, "
      "Tensor word) -> Tensor");
  // Batch norm over a batch of mean `mean` and covariance `covariance`, folded into the weight:
  // (folded, shift, y, var); the last two are the moments and serve the backward.
  m.def(
      "batch_norm_fold(Tensor weight, Tensor mean, Tensor covariance, Tensor gain, float eps) "
      "-> (Tensor, Tensor, Tensor, Tensor)");
  m.def(
      "_batch_norm_fold_backward(Tensor grad, Tensor grad_shift, Tensor weight, Tensor mean, "
      "Tensor covariance, Tensor gain, Tensor y, Tensor var, float eps) "
      "-> (Tensor, Tensor, Tensor, Tensor)");
  // Documents of a corpus as a batch: (crow, col, count); nothing is differentiated.
  m.def(
      "gather_rows(Tensor indptr, Tensor indices, Tensor counts, Tensor rows, int vocab_size) "
      "-> (Tensor, Tensor, Tensor)");
  // Adam on the rows named, in place.
  m.def(
      "lazy_adam_rows(Tensor(a!) weight, Tensor(b!) exp_avg, Tensor(c!) exp_avg_sq, Tensor row, "
      "Tensor grad, float lr, float beta1, float beta2, float eps, float weight_decay, int step) "
      "-> ()");
  // Adam's steps base + 1 ... base + rates for rows without a gradient since step since[row], in place.
  m.def(
      "adam_catch_up(Tensor(a!) weight, Tensor(b!) exp_avg, Tensor(c!) exp_avg_sq, "
      "Tensor(d!) since, Tensor row, Tensor rates, int base, float beta1, float beta2, float eps) "
      "-> ()");
}

// For the status report, through ctypes.
extern "C" __attribute__((visibility("default"))) const char* topicforge_cpu_instruction_set() {
  try {
    return topicforge::name_of(topicforge::chosen_set());
  } catch (const std::exception& error) {
    static const std::string words = error.what();
    return words.c_str();
  }
}
