#include <tuple>

#include "cuda/sparse_door.h"

namespace topicforge {
namespace cuda {
namespace {


constexpr const char* kOp = "sparse_multinomial_nll";

// The floor of probabilities, the smallest normal number: where it is met the gradient is zero.
template <class T>
__device__ constexpr T floor_of() {
  return sizeof(T) == 4 ? T(1.17549435e-38) : T(2.2250738585072014e-308);
}

// nll_b = -Σ_i x_i log max(p_i, floor); a warp a document.
template <class T>
__global__ void sum_logs(ByDocument<T> order, const T* p, T* nll) {
  const int64_t b = warp_number();
  if (b >= order.x.documents) return;
  const int lane = threadIdx.x % kWarp;
  T sum = T(0);
  const int64_t end = order.end(b);
  for (int64_t i = order.begin(b) + lane; i < end; i += kWarp) {
    const T probability = p[i] <= floor_of<T>() ? floor_of<T>() : p[i];
    sum -= order.x.value[i] * log(probability);
  }
  sum = warp_sum(sum);
  if (lane == 0) nll[b] = sum;
}

// slope_i = -grad_b x_i / p_i.
template <class T>
__global__ void slopes(
    SparseRows<T> x, const int64_t* document, const T* grad, const T* p, T* slope) {
  const int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (i >= x.entries) return;
  slope[i] = p[i] <= floor_of<T>() ? T(0) : -(grad[document[i]] * x.value[i]) / p[i];
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
  const Launch launch(theta_in);
  const Tensor crow = row_major(crow_in), col = row_major(col_in), count = row_major(count_in);
  const Tensor theta = row_major(theta_in), topic_word = row_major(topic_word_in);
  const int64_t B = theta.size(0);
  const Tensor nll = new_vector(theta, B), p = new_vector(theta, col.size(0));
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const SparseRows<T> x = sparse_rows<T>(crow, col, count, topic_word.size(0));
    launch_dot_entries<T>(
        launch, x, document_of_entry(launch, crow, col), theta.const_data_ptr<T>(),
        topic_word.const_data_ptr<T>(), theta.size(1), p.mutable_data_ptr<T>());
    if (B > 0) {
      sum_logs<T><<<grid_for(B * kWarp, kLine), kLine, 0, launch.stream()>>>(
          ByDocument<T>{x}, p.const_data_ptr<T>(), nll.mutable_data_ptr<T>());
      check_launch();
    }
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
  const Launch launch(theta_in);
  const Tensor crow = row_major(crow_in), col = row_major(col_in), count = row_major(count_in);
  const Tensor theta = row_major(theta_in), topic_word = row_major(topic_word_in);
  const Tensor grad = row_major(grad_in), p = row_major(p_in);
  const Tensor grad_theta = new_grad(theta, want_theta);
  const Tensor grad_topic_word = new_grad(topic_word, want_topic_word);
  const int64_t B = theta.size(0), K = theta.size(1), V = topic_word.size(0);
  with_type(type, [&](auto zero) {
    using T = decltype(zero);
    const SparseRows<T> x = sparse_rows<T>(crow, col, count, V);
    const Buffer<T> slope(theta, x.entries);
    if (x.entries > 0) {
      const Tensor document = document_of_entry(launch, crow, col);
      slopes<T><<<grid_for(x.entries, kLine), kLine, 0, launch.stream()>>>(
          x, document.const_data_ptr<int64_t>(), grad.const_data_ptr<T>(), p.const_data_ptr<T>(),
          slope.get());
      check_launch();
    }
    if (want_theta) {
      launch_scaled_rows<T>(
          launch, ByDocument<T>{x}, B, slope.get(), topic_word.const_data_ptr<T>(), K, nullptr, 0,
          grad_theta.mutable_data_ptr<T>());
    }
    if (want_topic_word) {
      const WordOrder words(launch, crow, col);
      launch_scaled_rows<T>(
          launch, words.order(), V, slope.get(), theta.const_data_ptr<T>(), K, nullptr, 0,
          grad_topic_word.mutable_data_ptr<T>());
    }
  });
  return {grad_theta, grad_topic_word};
}

}  // namespace
}  // namespace cuda
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CUDA, m) {
  m.impl("sparse_multinomial_nll", TORCH_BOX(&topicforge::cuda::forward));
  m.impl("_sparse_multinomial_nll_backward", TORCH_BOX(&topicforge::cuda::backward));
}
