#include "cpu/kernels/log_partition.h"

#include <tuple>

#include "checks.h"
#include "cpu/torch_pool.h"

namespace topicforge {
namespace {

constexpr const char* kOp = "log_partition";

std::tuple<Tensor, Tensor> run(const Tensor& weight_in, const Tensor& topic_in) {
  check_matrix(kOp, "weight", weight_in);
  check_matrix(kOp, "topic", topic_in);
  check_columns(kOp, "weight", weight_in, "topic", topic_in);
  STD_TORCH_CHECK(weight_in.size(0) > 0, kOp, ": weight must have a row a word, but has none");
  const ScalarType type = check_types(kOp, weight_in, topic_in);
  const Tensor weight = row_major(weight_in), topic = row_major(topic_in);
  const int64_t V = weight.size(0), K = topic.size(0), E = topic.size(1);
  const Tensor log_partition = room(topic, {K}), mean = room(topic, {K, E});
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const LogPartitionFunctions<T>* functions;
    if constexpr (sizeof(T) == sizeof(float)) {
      functions = &log_partition_kernels().f32;
    } else {
      functions = &log_partition_kernels().f64;
    }
    functions->run(
        {weight.const_data_ptr<T>(), topic.const_data_ptr<T>(), V, K, E},
        log_partition.mutable_data_ptr<T>(), mean.mutable_data_ptr<T>(), torch_pool());
  });
  return {log_partition, mean};
}

}  // namespace
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CPU, m) {
  m.impl("log_partition", TORCH_BOX(&topicforge::run));
}
