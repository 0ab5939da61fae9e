// The matrix products are cuBLAS's, on a tile of words at a time; between them, kernels that stream
// the log-sum-exp and turn logits into their gradients in place. Memory is one tile of logits,
// whatever the vocabulary. Deterministic as torch's own matrix products are.
#include <algorithm>
#include <tuple>

#include "cuda/sparse_door.h"

namespace topicforge {
namespace cuda {
namespace {


constexpr const char* kOp = "product_multinomial_nll";
constexpr int kBlock = 256;
constexpr int64_t kTileElements = int64_t(1) << 24;  // logits of one tile
constexpr int64_t kMostWords = int64_t(1) << 22;     // a grid has 65535 rows of blocks

// out = a @ b. The out-variant, because autocast would turn the other one into half.
void multiply(const Tensor& a, const Tensor& b, const Tensor& out) {
  std::array<StableIValue, 3> stack{
      torch::stable::detail::from(a), torch::stable::detail::from(b),
      torch::stable::detail::from(out)};
  STABLE_TORCH_ERROR_CODE_CHECK(
      torch_call_dispatcher("aten::mm", "out", stack.data(), TORCH_ABI_VERSION));
  torch::stable::detail::to<Tensor>(stack[0]);  // `out` once more, given back
}

template <class T>
__device__ T minus_infinity() {
  return static_cast<T>(-INFINITY);
}

// (most, total) and (m, t), each Σ exp(x - most) so far, in one.
template <class T>
__device__ void join(T& most, T& total, T m, T t) {
  const T top = m > most ? m : most;
  const T safe = top == minus_infinity<T>() ? T(0) : top;
  total = total * exp(most - safe) + t * exp(m - safe);
  most = top;
}

// One block a document: `logits` (B, words) without bias, into the running most and total.
template <class T>
__global__ void stream_log_sum_exp(
    const T* logits, const T* bias, int64_t words, T* most, T* total) {
  __shared__ T tops[kBlock], totals[kBlock];
  const T* row = logits + blockIdx.x * words;
  T top = minus_infinity<T>(), sum = T(0);
  for (int64_t v = threadIdx.x; v < words; v += kBlock) join(top, sum, row[v] + bias[v], T(1));
  tops[threadIdx.x] = top;
  totals[threadIdx.x] = sum;
  for (int width = kBlock / 2; width > 0; width /= 2) {
    __syncthreads();
    if (threadIdx.x < width) {
      join(
          tops[threadIdx.x], totals[threadIdx.x], tops[threadIdx.x + width],
          totals[threadIdx.x + width]);
    }
  }
  if (threadIdx.x == 0) {
    top = most[blockIdx.x];
    sum = total[blockIdx.x];
    join(top, sum, tops[0], totals[0]);
    most[blockIdx.x] = top;
    total[blockIdx.x] = sum;
  }
}

template <class T>
__global__ void start(int64_t documents, T* most, T* total) {
  const int64_t b = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (b >= documents) return;
  most[b] = minus_infinity<T>();
  total[b] = T(0);
}

// log_sum_exp_b, and nll_b = Σ_i x_i (log_sum_exp_b - h_i); a warp a document.
template <class T>
__global__ void finish(
    ByDocument<T> order, const T* logit, const T* bias, const T* most, const T* total,
    T* log_sum_exp, T* nll) {
  const int64_t b = warp_number();
  if (b >= order.x.documents) return;
  const int lane = threadIdx.x % kWarp;
  const T lse = most[b] == minus_infinity<T>() ? most[b] : most[b] + log(total[b]);
  T sum = T(0);
  const int64_t end = order.end(b);
  for (int64_t i = order.begin(b) + lane; i < end; i += kWarp) {
    const int64_t v = order.row(i);
    sum += v < 0 ? not_a_number<T>() : order.x.value[i] * (lse - (logit[i] + bias[v]));
  }
  sum = warp_sum(sum);
  if (lane == 0) {
    log_sum_exp[b] = lse;
    nll[b] = sum;
  }
}

// slope_i = -grad_b x_i and scale_b = grad_b N_b; a warp a document.
template <class T>
__global__ void scales(ByDocument<T> order, const T* grad, T* slope, T* scale) {
  const int64_t b = warp_number();
  if (b >= order.x.documents) return;
  const int lane = threadIdx.x % kWarp;
  T sum = T(0);
  const int64_t end = order.end(b);
  for (int64_t i = order.begin(b) + lane; i < end; i += kWarp) {
    sum += order.x.value[i];
    slope[i] = -(grad[b] * order.x.value[i]);
  }
  sum = warp_sum(sum);
  if (lane == 0) scale[b] = grad[b] * sum;
}

// Logits (B, words) into scale_b softmax_bv, in place. Grid (documents, word blocks).
template <class T>
__global__ void to_gradient(
    T* logits, const T* bias, int64_t words, const T* log_sum_exp, const T* scale) {
  const int64_t v = blockIdx.y * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (v >= words) return;
  T* at = logits + blockIdx.x * words + v;
  *at = exp(*at + bias[v] - log_sum_exp[blockIdx.x]) * scale[blockIdx.x];
}

// out[v] = Σ_b gradient[b][v] + Σ of the slopes of the word's entries; a thread a word.
template <class T>
__global__ void sum_words(
    const T* gradient, int64_t documents, int64_t words, ByWord order, int64_t first,
    const T* slope, T* out) {
  const int64_t v = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (v >= words) return;
  T sum = T(0);
  for (int64_t b = 0; b < documents; ++b) sum += gradient[b * words + v];
  const int64_t end = order.end(first + v);
  for (int64_t i = order.begin(first + v); i < end; ++i) sum += slope[order.place(i)];
  out[v] = sum;
}

template <class T>
__global__ void add(const T* from, int64_t count, T* to) {
  const int64_t i = blockIdx.x * static_cast<int64_t>(blockDim.x) + threadIdx.x;
  if (i < count) to[i] += from[i];
}

struct Arguments {
  ScalarType type;
  Tensor crow, col, count, theta, weight, bias;
  int64_t B, K, V, tile;

  Arguments(
      const Tensor& crow_in, const Tensor& col_in, const Tensor& count_in, const Tensor& theta_in,
      const Tensor& weight_in, const Tensor& bias_in) {
    check_rows(kOp, crow_in, col_in, count_in);
    check_matrix(kOp, "weight", weight_in);
    STD_TORCH_CHECK(weight_in.size(0) > 0, kOp, ": weight must have a row a word, but has none");
    check_vector(kOp, "bias", bias_in, weight_in.size(0));
    check_shape(kOp, "theta", theta_in, crow_in.size(0) - 1, weight_in.size(1));
    type = check_types(kOp, theta_in, weight_in, bias_in, count_in);
    crow = row_major(crow_in);
    col = row_major(col_in);
    count = row_major(count_in);
    theta = row_major(theta_in);
    weight = row_major(weight_in);
    bias = row_major(bias_in);
    B = theta.size(0);
    K = theta.size(1);
    V = weight.size(0);
    const int64_t fitting = kTileElements / std::max<int64_t>(B, 1);
    tile = std::min(V, std::min(kMostWords, std::max<int64_t>(64, fitting)));
  }

  // body(first word, words, logits (B, words) without bias, the words' weights (words, K)).
  template <class Body>
  void for_tiles(const Body& body) {
    for (int64_t first = 0; first < V && B > 0; first += tile) {
      const int64_t words = std::min(tile, V - first);
      const Tensor rows = torch::stable::narrow(weight, 0, first, words);
      const Tensor logits = new_matrix(theta, B, words);
      multiply(theta, torch::stable::transpose(rows, 0, 1), logits);
      body(first, words, logits, rows);
    }
  }
};

std::tuple<Tensor, Tensor> forward(
    const Tensor& crow, const Tensor& col, const Tensor& count, const Tensor& theta,
    const Tensor& weight, const Tensor& bias) {
  Arguments in(crow, col, count, theta, weight, bias);
  const Launch launch(in.theta);
  const Tensor nll = new_vector(in.theta, in.B), log_sum_exp = new_vector(in.theta, in.B);
  if (in.B == 0) return {nll, log_sum_exp};
  with_type(in.type, [&](auto zero) {
    using T = decltype(zero);
    const cudaStream_t stream = launch.stream();
    const SparseRows<T> x = sparse_rows<T>(in.crow, in.col, in.count, in.V);
    const T* b = in.bias.const_data_ptr<T>();
    const Buffer<T> most(in.theta, in.B), total(in.theta, in.B), logit(in.theta, x.entries);
    start<T><<<grid_for(in.B, kLine), kLine, 0, stream>>>(in.B, most.get(), total.get());
    check_launch();
    in.for_tiles([&](int64_t first, int64_t words, const Tensor& logits, const Tensor&) {
      stream_log_sum_exp<T><<<static_cast<unsigned>(in.B), kBlock, 0, stream>>>(
          logits.const_data_ptr<T>(), b + first, words, most.get(), total.get());
      check_launch();
    });
    launch_dot_entries<T>(
        launch, x, document_of_entry(launch, in.crow, in.col), in.theta.const_data_ptr<T>(),
        in.weight.const_data_ptr<T>(), in.K, logit.get());
    finish<T><<<grid_for(in.B * kWarp, kLine), kLine, 0, stream>>>(
        ByDocument<T>{x}, logit.get(), b, most.get(), total.get(),
        log_sum_exp.mutable_data_ptr<T>(), nll.mutable_data_ptr<T>());
    check_launch();
  });
  return {nll, log_sum_exp};
}

std::tuple<Tensor, Tensor, Tensor> backward(
    const Tensor& grad_in, const Tensor& crow, const Tensor& col, const Tensor& count,
    const Tensor& theta, const Tensor& weight, const Tensor& bias, const Tensor& log_sum_exp_in,
    bool want_theta, bool want_weight, bool want_bias) {
  Arguments in(crow, col, count, theta, weight, bias);
  check_types(kOp, theta, grad_in, log_sum_exp_in);
  check_vector(kOp, "grad", grad_in, theta.size(0));
  check_vector(kOp, "log_sum_exp", log_sum_exp_in, theta.size(0));
  const Launch launch(in.theta);
  const Tensor grad = row_major(grad_in), log_sum_exp = row_major(log_sum_exp_in);
  Tensor grad_theta = new_grad(in.theta, want_theta);
  Tensor grad_weight = new_grad(in.weight, want_weight);
  Tensor grad_bias = new_grad(in.bias, want_bias);
  if (in.B == 0) {
    for (Tensor* x : {&grad_theta, &grad_weight, &grad_bias}) torch::stable::zero_(*x);
    return {grad_theta, grad_weight, grad_bias};
  }
  with_type(in.type, [&](auto zero) {
    using T = decltype(zero);
    const cudaStream_t stream = launch.stream();
    const SparseRows<T> x = sparse_rows<T>(in.crow, in.col, in.count, in.V);
    const ByDocument<T> documents{x};
    const Buffer<T> slope(in.theta, x.entries), scale(in.theta, in.B);
    scales<T><<<grid_for(in.B * kWarp, kLine), kLine, 0, stream>>>(
        documents, grad.const_data_ptr<T>(), slope.get(), scale.get());
    check_launch();
    const WordOrder words_of(launch, in.crow, in.col);
    const Tensor part = new_matrix(in.theta, want_theta ? in.B : 0, in.K);
    in.for_tiles([&](int64_t first, int64_t words, const Tensor& logits, const Tensor& rows) {
      T* h = logits.mutable_data_ptr<T>();
      const dim3 grid(static_cast<unsigned>(in.B), grid_for(words, kBlock));
      to_gradient<T><<<grid, kBlock, 0, stream>>>(
          h, in.bias.const_data_ptr<T>() + first, words, log_sum_exp.const_data_ptr<T>(),
          scale.get());
      check_launch();
      if (want_theta && first == 0) multiply(logits, rows, grad_theta);
      if (want_theta && first > 0) {
        multiply(logits, rows, part);
        add<T><<<grid_for(in.B * in.K, kLine), kLine, 0, stream>>>(
            part.const_data_ptr<T>(), in.B * in.K, grad_theta.mutable_data_ptr<T>());
        check_launch();
      }
      if (want_weight) {
        const Tensor own = torch::stable::narrow(grad_weight, 0, first, words);
        multiply(torch::stable::transpose(logits, 0, 1), in.theta, own);
      }
      if (want_bias) {
        sum_words<T><<<grid_for(words, kLine), kLine, 0, stream>>>(
            h, in.B, words, words_of.order(), first, slope.get(),
            grad_bias.mutable_data_ptr<T>() + first);
        check_launch();
      }
    });
    if (want_theta) {
      T* g = grad_theta.mutable_data_ptr<T>();
      launch_scaled_rows<T>(
          launch, documents, in.B, slope.get(), in.weight.const_data_ptr<T>(), in.K, g, in.K, g);
    }
    if (want_weight) {
      T* g = grad_weight.mutable_data_ptr<T>();
      launch_scaled_rows<T>(
          launch, words_of.order(), in.V, slope.get(), in.theta.const_data_ptr<T>(), in.K, g, in.K,
          g);
    }
  });
  return {grad_theta, grad_weight, grad_bias};
}

}  // namespace
}  // namespace cuda
}  // namespace topicforge

STABLE_TORCH_LIBRARY_IMPL(topicforge, CUDA, m) {
  m.impl("product_multinomial_nll", TORCH_BOX(&topicforge::cuda::forward));
  m.impl("_product_multinomial_nll_backward", TORCH_BOX(&topicforge::cuda::backward));
}
