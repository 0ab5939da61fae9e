// The matrix products are cuBLAS's, on a tile of words at a time; between them, kernels that stream
// the log-sum-exp and turn logits into their gradients in place. Memory is one tile of logits,
// whatever the vocabulary. Deterministic as torch's own matrix products are.
#include "ops/product_multinomial_nll.h"

#include <algorithm>

#include "cuda/sparse_launch.h"

namespace topicforge {
namespace cuda {
namespace {

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

// One block per document: `logits` (B, words) without bias, into the running most and total.
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

// log_sum_exp_b, and nll_b = Σ_i x_i (log_sum_exp_b - h_i); a warp per document.
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

// slope_i = -grad_b x_i and scale_b = grad_b N_b; a warp per document.
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

// out[v] = Σ_b gradient[b][v] + Σ of the slopes of the word's entries; a thread per word.
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

// The logits of all words, a tile of words at a time.
template <class T>
struct Tiles {
  Tiles(const Launch& launch, const ProductProblem<T>& of)
      : launch(launch), of(of), B(of.x.documents), K(of.K), V(of.x.words) {
    const int64_t fitting = kTileElements / std::max<int64_t>(B, 1);
    tile = std::min(V, std::min(kMostWords, std::max<int64_t>(64, fitting)));
  }

  // Rows of `columns` numbers as a tensor.
  Tensor matrix(const T* data, int64_t rows, int64_t columns) const {
    return view(launch, data, rows, columns, columns, 1);
  }
  Tensor transposed(const T* data, int64_t rows, int64_t columns) const {
    return view(launch, data, columns, rows, 1, columns);
  }

  // body(first word, words, logits (B, words) without bias, the words' weights (words, K)).
  template <class Body>
  void each(const Body& body) const {
    const Buffer<T> logits(launch, B * tile);
    for (int64_t first = 0; first < V && B > 0; first += tile) {
      const int64_t words = std::min(tile, V - first);
      const T* weight = of.weight + first * K;
      multiply(
          matrix(of.theta, B, K), transposed(weight, words, K), matrix(logits.get(), B, words));
      body(first, words, logits.get(), weight);
    }
  }

  const Launch& launch;
  const ProductProblem<T>& of;
  int64_t B, K, V, tile;
};

template <class T>
void forward(const ProductProblem<T>& of, T* nll, T* log_sum_exp, const Launch& launch) {
  const Tiles<T> tiles(launch, of);
  const int64_t B = tiles.B;
  if (B == 0) return;
  const cudaStream_t stream = launch.stream();
  const Buffer<T> most(launch, B), total(launch, B), logit(launch, of.x.entries);
  start<T><<<grid_for(B, kLine), kLine, 0, stream>>>(B, most.get(), total.get());
  check_launch();
  tiles.each([&](int64_t first, int64_t words, const T* logits, const T*) {
    stream_log_sum_exp<T><<<static_cast<unsigned>(B), kBlock, 0, stream>>>(
        logits, of.bias + first, words, most.get(), total.get());
    check_launch();
  });
  launch_dot_entries<T>(launch, of.x, of.theta, of.weight, of.K, logit.get());
  finish<T><<<grid_for(B * kWarp, kLine), kLine, 0, stream>>>(
      ByDocument<T>{of.x}, logit.get(), of.bias, most.get(), total.get(), log_sum_exp, nll);
  check_launch();
}

template <class T>
void clear(const Launch& launch, T* out, int64_t count) {
  if (out == nullptr) return;
  STD_CUDA_CHECK(
      cudaMemsetAsync(out, 0, sizeof(T) * static_cast<size_t>(count), launch.stream()));
}

template <class T>
void backward(
    const ProductProblem<T>& of, const T* grad, const T* log_sum_exp, T* grad_theta,
    T* grad_weight, T* grad_bias, const Launch& launch) {
  const Tiles<T> tiles(launch, of);
  const int64_t B = tiles.B, K = tiles.K, V = tiles.V;
  if (B == 0) {
    clear(launch, grad_weight, V * K);
    clear(launch, grad_bias, V);
    return;
  }
  const cudaStream_t stream = launch.stream();
  const ByDocument<T> documents{of.x};
  const Buffer<T> slope(launch, of.x.entries), scale(launch, B);
  scales<T><<<grid_for(B * kWarp, kLine), kLine, 0, stream>>>(
      documents, grad, slope.get(), scale.get());
  check_launch();
  const WordOrder words_of(launch, of.x);
  const Buffer<T> part(launch, grad_theta != nullptr ? B * K : 0);
  tiles.each([&](int64_t first, int64_t words, T* h, const T* weight) {
    const dim3 grid(static_cast<unsigned>(B), grid_for(words, kBlock));
    to_gradient<T><<<grid, kBlock, 0, stream>>>(
        h, of.bias + first, words, log_sum_exp, scale.get());
    check_launch();
    const Tensor gradient = tiles.matrix(h, B, words), rows = tiles.matrix(weight, words, K);
    if (grad_theta != nullptr && first == 0) {
      multiply(gradient, rows, tiles.matrix(grad_theta, B, K));
    }
    if (grad_theta != nullptr && first > 0) {
      multiply(gradient, rows, tiles.matrix(part.get(), B, K));
      add<T><<<grid_for(B * K, kLine), kLine, 0, stream>>>(part.get(), B * K, grad_theta);
      check_launch();
    }
    if (grad_weight != nullptr) {
      multiply(
          tiles.transposed(h, B, words), tiles.matrix(of.theta, B, K),
          tiles.matrix(grad_weight + first * K, words, K));
    }
    if (grad_bias != nullptr) {
      sum_words<T><<<grid_for(words, kLine), kLine, 0, stream>>>(
          h, B, words, words_of.order(), first, slope.get(), grad_bias + first);
      check_launch();
    }
  });
  if (grad_theta != nullptr) {
    launch_scaled_rows<T>(
        launch, documents, B, slope.get(), of.weight, K, grad_theta, K, grad_theta);
  }
  if (grad_weight != nullptr) {
    launch_scaled_rows<T>(
        launch, words_of.order(), V, slope.get(), of.theta, K, grad_weight, K, grad_weight);
  }
}

template <class T>
constexpr ProductMultinomialFunctions<T> functions = {forward<T>, backward<T>};

}  // namespace
}  // namespace cuda

using cuda::functions;
TOPICFORGE_DEFINE_KERNELS(ProductMultinomialFunctions, product_multinomial_nll)

}  // namespace topicforge
