// log Σ_v exp(w_v · t_k) and the mean of w under that softmax, in one pass over the words.
#pragma once

#include <cstdint>

#include "cpu/instruction_set.h"
#include "cpu/pool.h"

namespace topicforge {

template <class T>
struct PartitionProblem {
  const T* weight;  // (V, E)
  const T* topic;   // (K, E)
  int64_t V, K, E;
};

template <class T>
struct LogPartitionFunctions {
  // log_partition (K,) and mean (K, E).
  void (*run)(const PartitionProblem<T>&, T* log_partition, T* mean, const Pool&);
};

struct LogPartitionKernels {
  LogPartitionFunctions<float> f32;
  LogPartitionFunctions<double> f64;
};

TOPICFORGE_KERNEL_TABLE(LogPartitionKernels, log_partition)

}  // namespace topicforge
