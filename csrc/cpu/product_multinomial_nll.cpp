// Logits are made one tile at a time, kTile words by one panel of documents, used and overwritten.
// Forward: one matrix product, and a log-sum-exp that streams over words. Backward: the tile of
// logits again, turned into h's gradient g_b N_b softmax(h)_bv, then two matrix products. What
// the counts themselves add, -g_b x_bv, touches only words that occur.
//
// A task is a chunk of words; the chunks depend on the sizes alone. It owns its words' gradients
// and adds to a copy of theta's that is its own; the copies are summed in the order of the chunks.
#include "ops/product_multinomial_nll.h"

#include "cpu/csr.h"
#include "cpu/logarithm.h"
#include "cpu/word_tiles.h"

namespace topicforge {
namespace {

constexpr int64_t kDocumentsPerTask = 32;
constexpr int64_t kMostChunks = 32;
constexpr int64_t kPartialElements = int64_t(1) << 24;  // of all copies of theta's gradient

// One vector of points: most = max(most, logits) and total = Σ exp(logit - most) so far.
template <class T>
inline void stream_log_sum_exp(const T* logits, T* most, T* total) {
  constexpr int P = kPanel<T>;
  const Vec<T> before = load(most);
  Vec<T> top = before;
  for (int v = 0; v < kTile; ++v) top = maximum<T>(top, load(logits + v * P));
  // Where every logit so far is -inf, -inf - -inf must not make a NaN.
  const Vec<T> safe = top == -infinity<T>() ? Vec<T>{} : top;
  Vec<T> sum = load(total) * exponential<T>(before - safe);
  for (int v = 0; v < kTile; ++v) sum += exponential<T>(load(logits + v * P) - safe);
  store<T>(most, top);
  store<T>(total, sum);
}

template <class T>
void log_sum_exp_of(const ProductProblem<T>& problem, T* out, const Pool& pool) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  const Panels<T> panels(pool, problem.theta, problem.x.documents, problem.K);
  const int64_t K = problem.K, V = problem.x.words, padded = panels.count * P;
  const int64_t chunk = words_per_chunk(V, kMostChunks), chunks = divide_up(V, chunk);
  const Scratch<T> partial(pool, chunks * 2 * padded);
  for_tasks<T>(pool, chunks, kTile * P + kTile * K, [&](int64_t task, T* scratch) {
    T* logits = scratch;
    T* most = partial.get() + task * 2 * padded;
    T* total = most + padded;
    for (int64_t i = 0; i < padded; ++i) most[i] = -infinity<T>(), total[i] = T(0);
    const int64_t end = (task + 1) * chunk < V ? (task + 1) * chunk : V;
    for (int64_t v = task * chunk; v < end; v += kTile) {
      const WordTile<T> words(problem.weight, problem.bias, V, K, v, scratch + kTile * P);
      for (int64_t panel = 0; panel < panels.count; ++panel) {
        panels.with_vectors(panel, [&](auto vectors) {
          constexpr int N = decltype(vectors)::value;
          tile_logits<N>(words, panels[panel], K, logits);
          for (int64_t at = 0; at < N * L; at += L) {
            stream_log_sum_exp(logits + at, most + panel * P + at, total + panel * P + at);
          }
        });
      }
    }
  });
  for_tasks<T>(pool, panels.count * 2, 0, [&](int64_t task, T*) {
    const int64_t at = task * L;
    Vec<T> top = load(partial.get() + at);
    for (int64_t c = 1; c < chunks; ++c) {
      top = maximum<T>(top, load(partial.get() + c * 2 * padded + at));
    }
    const Vec<T> safe = top == -infinity<T>() ? Vec<T>{} : top;
    Vec<T> sum = {};
    for (int64_t c = 0; c < chunks; ++c) {
      const T* part = partial.get() + c * 2 * padded + at;
      sum += load(part + padded) * exponential<T>(load(part) - safe);
    }
    T result[L];
    store<T>(result, safe + logarithm<T>(sum));
    for (int64_t i = 0; i < L && at + i < problem.x.documents; ++i) out[at + i] = result[i];
  });
}

template <class T>
void forward(const ProductProblem<T>& problem, T* nll, T* log_sum_exp, const Pool& pool) {
  const SparseRows<T>& x = problem.x;
  log_sum_exp_of(problem, log_sum_exp, pool);
  const Scratch<T> logit(pool, x.entries);
  const bool cached = fits_cache<T>(x.words, problem.K);
  for_tasks<T>(pool, divide_up(x.documents, kDocumentsPerTask), 0, [&](int64_t task, T*) {
    const int64_t first = task * kDocumentsPerTask;
    for (int64_t b = first; b < first + kDocumentsPerTask && b < x.documents; ++b) {
      const int64_t begin = x.crow[b], end = x.crow[b + 1];
      dot_rows<T>(
          logit.get() + begin, nullptr, problem.theta + b * problem.K, problem.K,
          words_of(x, b, cached), problem.weight, problem.K);
      // Each word's -log p is small where N log_sum_exp and Σ x h are not: take differences first.
      T total = T(0);
      for (int64_t i = begin; i < end; ++i) {
        total += x.value[i] * (log_sum_exp[b] - (logit[i] + problem.bias[x.col[i]]));
      }
      nll[b] = total;
    }
  });
}

// out[r][0, N vectors) += Σ_{i < points} weights[r * P + i] · rows[i * stride + 0 ...), r < R.
template <int R, int N, class T>
inline void add_outer_block(
    int64_t points, const T* weights, const T* rows, int64_t stride, T* out, int64_t out_stride) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  Vec<T> acc[R][N];
  TOPICFORGE_UNROLL
  for (int r = 0; r < R; ++r) {
    TOPICFORGE_UNROLL
    for (int j = 0; j < N; ++j) acc[r][j] = load(out + r * out_stride + j * L);
  }
  for (int64_t i = 0; i < points; ++i) {
    Vec<T> row[N];
    TOPICFORGE_UNROLL
    for (int j = 0; j < N; ++j) row[j] = load(rows + i * stride + j * L);
    TOPICFORGE_UNROLL
    for (int r = 0; r < R; ++r) {
      const Vec<T> w = splat<T>(weights[r * P + i]);
      TOPICFORGE_UNROLL
      for (int j = 0; j < N; ++j) acc[r][j] += w * row[j];
    }
  }
  TOPICFORGE_UNROLL
  for (int r = 0; r < R; ++r) {
    TOPICFORGE_UNROLL
    for (int j = 0; j < N; ++j) store<T>(out + r * out_stride + j * L, acc[r][j]);
  }
}

// The gradient of a tile's words from a panel of documents: columns of whole vectors are summed with
// columns as lanes, and the few behind the last of them with documents as lanes, which are added
// up once per tile. 50 columns cost little more than 50 lanes, and not 64.
template <class T>
struct Columns {
  // Columns in vectors, and those behind them; as many vectors as hold all, where those are many.
  explicit Columns(int64_t K)
      : rest(4 * (K % kLanes<T>) < kPanel<T> ? K % kLanes<T> : 0),
        whole(divide_up(K - rest, kLanes<T>) * kLanes<T>),
        stride(whole + rest) {}

  // out[v][0, whole) += Σ_i weights[v * P + i] · rows[i][0, whole), N vectors of points i;
  // lanes[v][k][:] += weights[v][:] · panel[whole + k][:].
  template <int N>
  void add(const T* weights, const T* rows, const T* panel, T* out, T* lanes) const {
    constexpr int P = kPanel<T>, L = kLanes<T>;
    constexpr int most = kManyRegisters ? 4 : 2;
    for (int64_t k = 0; k < whole;) {
      const int64_t left = (whole - k) / L;
      const auto vectors = [&](auto count) {
        constexpr int C = decltype(count)::value, R = rows_beside(C);
        static_assert(kTile % R == 0, "a tile is made of whole blocks");
        for (int v = 0; v < kTile; v += R) {
          add_outer_block<R, C>(
              N * L, weights + v * P, rows + k, whole, out + v * stride + k, stride);
        }
        k += C * L;
      };
      if (left >= most) {
        vectors(Count<most>{});
      } else if (left == 3) {
        vectors(Count<3>{});
      } else if (left == 2) {
        vectors(Count<2>{});
      } else {
        vectors(Count<1>{});
      }
    }
    for (int64_t k = 0; k < rest; ++k) {
      const T* point = panel + (whole + k) * P;
      for (int v = 0; v < kTile; ++v) {
        T* at = lanes + (v * rest + k) * L;
        Vec<T> sum = load(at);
        TOPICFORGE_UNROLL
        for (int j = 0; j < N; ++j) sum += load(weights + v * P + j * L) * load(point + j * L);
        store<T>(at, sum);
      }
    }
  }

  // out[v][whole + k] = Σ lanes[v][k][:].
  void finish(const T* lanes, T* out) const {
    for (int64_t v = 0; v < kTile; ++v) {
      for (int64_t k = 0; k < rest; ++k) {
        out[v * stride + whole + k] =
            sum_of_lanes<T, TOPICFORGE_VECTOR_BYTES>(lanes + (v * rest + k) * kLanes<T>);
      }
    }
  }

  // Rows of a block of accumulators with so many vectors each.
  static constexpr int rows_beside(int vectors) {
    return kManyRegisters ? (vectors < 3 ? 12 : 24 / vectors) : 4;
  }

  int64_t rest, whole, stride;
};

template <class T>
void backward(
    const ProductProblem<T>& problem, const T* grad, const T* log_sum_exp, T* grad_theta,
    T* grad_weight, T* grad_bias, const Pool& pool) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  const SparseRows<T>& x = problem.x;
  const int64_t K = problem.K, V = x.words, B = x.documents;
  const Columns<T> columns(K);
  const bool want_words = grad_weight != nullptr || grad_bias != nullptr;
  const Panels<T> panels(pool, problem.theta, problem.x.documents, problem.K);
  const int64_t padded = panels.count * P;

  // slope: -g_b x_i per entry. scale: g_b N_b per document. shift: the log-sum-exp; +inf for documents
  // that only fill a panel, whose probabilities then are 0.
  const Scratch<T> slope(pool, x.entries), scale(pool, padded), shift(pool, padded);
  for (int64_t b = 0; b < padded; ++b) {
    T total = T(0);
    for (int64_t i = b < B ? x.crow[b] : 0; b < B && i < x.crow[b + 1]; ++i) {
      total += x.value[i];
      slope[i] = -(grad[b] * x.value[i]);
    }
    scale[b] = b < B ? grad[b] * total : T(0);
    shift[b] = b < B ? log_sum_exp[b] : infinity<T>();
  }
  // Documents as they come, in whole vectors of columns, for the weight's gradient.
  const Scratch<T> rows(pool, grad_weight != nullptr ? padded * columns.whole : 0);
  for (int64_t b = 0; grad_weight != nullptr && b < padded; ++b) {
    for (int64_t k = 0; k < columns.whole; ++k) {
      rows[b * columns.whole + k] = b < B && k < K ? problem.theta[b * K + k] : T(0);
    }
  }
  int64_t most_chunks = kPartialElements / (padded * K + 1);
  most_chunks = most_chunks < 4 ? 4 : (most_chunks > kMostChunks ? kMostChunks : most_chunks);
  const int64_t chunk = words_per_chunk(V, most_chunks), chunks = divide_up(V, chunk);
  const Scratch<T> partial(pool, grad_theta != nullptr ? chunks * padded * K : 0);
  const Transpose by_word(pool, want_words ? x : SparseRows<T>{x.crow, x.col, x.value, 0, 0, 0});
  const bool near = fits_cache<T>(B, K);

  const int64_t per_worker = kTile * (P + K + columns.stride + (columns.rest + 1) * L);
  for_tasks<T>(pool, chunks, per_worker, [&](int64_t task, T* scratch) {
    T* h = scratch;                  // logits, then their gradients: kTile * P
    T* copy = h + kTile * P;         // for the last tile of words: kTile * K
    T* words_grad = copy + kTile * K;  // kTile * stride
    // Lanes not yet summed: of the bias kTile * L, of the rest of the columns kTile * rest * L.
    T* bias_grad = words_grad + kTile * columns.stride;
    T* rest_grad = bias_grad + kTile * L;
    T* theta_grad = grad_theta != nullptr ? partial.get() + task * padded * K : nullptr;
    for (int64_t i = 0; theta_grad != nullptr && i < padded * K; ++i) theta_grad[i] = T(0);
    const int64_t end = (task + 1) * chunk < V ? (task + 1) * chunk : V;
    for (int64_t v = task * chunk; v < end; v += kTile) {
      const WordTile<T> words(problem.weight, problem.bias, V, K, v, copy);
      for (T* at = words_grad; at < scratch + per_worker; ++at) *at = T(0);
      for (int64_t panel = 0; panel < panels.count; ++panel) {
        panels.with_vectors(panel, [&](auto vectors) {
          constexpr int N = decltype(vectors)::value;
          tile_logits<N>(words, panels[panel], K, h);
          for (int half = 0; half < N * L; half += L) {
            const Vec<T> top = load(shift.get() + panel * P + half);
            const Vec<T> factor = load(scale.get() + panel * P + half);
            for (int r = 0; r < kTile; ++r) {
              T* at = h + r * P + half;
              const Vec<T> g = exponential<T>(load(at) - top) * factor;
              store<T>(at, g);
              store<T>(bias_grad + r * L, load(bias_grad + r * L) + g);
            }
          }
          if (theta_grad != nullptr) {
            add_weighted<T, N>(words.weight, K, h, kTile, K, theta_grad + panel * P * K);
          }
          if (grad_weight != nullptr) {
            columns.template add<N>(
                h, rows.get() + panel * P * columns.whole, panels[panel], words_grad, rest_grad);
          }
        });
      }
      if (grad_weight != nullptr) columns.finish(rest_grad, words_grad);
      for (int64_t r = 0; want_words && r < kTile && v + r < V; ++r) {
        const Visit<int32_t> documents = by_word.visit(v + r, near);
        const Permuted<T> slopes = by_word.values(slope.get(), v + r);
        if (grad_weight != nullptr) {
          add_scaled_rows<T>(
              grad_weight + (v + r) * K, words_grad + r * columns.stride, K, slopes, documents,
              problem.theta, K);
        }
        if (grad_bias != nullptr) {
          T total = sum<T>(load(bias_grad + r * L));
          for (int64_t i = 0; i < documents.count; ++i) total += slopes[i];
          grad_bias[v + r] = total;
        }
      }
    }
  });

  if (grad_theta == nullptr) return;
  const bool cached = fits_cache<T>(V, K);
  for_tasks<T>(pool, panels.count, P * K, [&](int64_t panel, T* scratch) {
    for (int64_t i = 0; i < P * K; ++i) scratch[i] = T(0);
    for (int64_t c = 0; c < chunks; ++c) {
      const T* part = partial.get() + c * padded * K + panel * P * K;
      for (int64_t i = 0; i < P * K; ++i) scratch[i] += part[i];
    }
    T* begin = partial.get() + panel * P * K;  // the first chunk's copy has been used
    for (int64_t i = 0; i < P; ++i) {
      for (int64_t k = 0; k < K; ++k) begin[i * K + k] = scratch[k * P + i];
    }
    for (int64_t b = panel * P; b < (panel + 1) * P && b < B; ++b) {
      add_scaled_rows<T>(
          grad_theta + b * K, begin + (b - panel * P) * K, K, slope.get() + x.crow[b],
          words_of(x, b, cached), problem.weight, K);
    }
  });
}

template <class T>
constexpr ProductMultinomialFunctions<T> functions = {forward<T>, backward<T>};

}  // namespace

TOPICFORGE_DEFINE_KERNELS(ProductMultinomialFunctions, product_multinomial_nll)

}  // namespace topicforge
