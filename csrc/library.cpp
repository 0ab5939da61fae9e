// Every operator's schema, once. Kernels register themselves for their device in cpu/<op>.cpp
// and cuda/<op>.cu; shapes and gradients are registered in Python, topicforge/ops/_<op>.py.
#include <torch/csrc/stable/library.h>

#include <exception>
#include <string>

#include "cpu/instruction_set.h"

STABLE_TORCH_LIBRARY_FRAGMENT(topicforge, m) {
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

  // log theta (n, K); all randomness comes from seed, one int64 number on the same device.
  m.def("sample_log_dirichlet(Tensor concentration, int n, Tensor seed) -> Tensor");
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
