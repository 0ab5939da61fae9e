// Every operator's schema, once. Kernels register themselves for their device in cpu/<op>.cpp
// and cuda/<op>.cu; shapes and gradients are registered in Python, topicforge/ops/_<op>.py.
#include <torch/csrc/stable/library.h>

#include <exception>
#include <string>

#include "cpu/instruction_set.h"

STABLE_TORCH_LIBRARY_FRAGMENT(topicforge, m) {
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
