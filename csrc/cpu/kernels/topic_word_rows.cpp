// Topics are the points, in panels. A tile of logits is made; wanted rows are kept.
// Its exponentials over the largest so far take its place, and the tile's words are added up with
// them; where a larger logit comes, what was added before is scaled down. So the words are read
// once, and nothing of V x K is kept.
//
// Making logits, topics are lanes, and the few beyond the last whole vector are taken one by one,
// with the words' dimensions as lanes. So are all of them where words are added up: 50 topics cost
// little more than 50 lanes, and not 64.
//
// A task is a chunk of words; the chunks depend on the sizes alone. Its largest logits, totals and
// sums are its own; they are brought together in the order of the chunks.
#include "ops/topic_word_rows.h"

#include "cpu/kernels/csr.h"
#include "cpu/kernels/logarithm.h"
#include "cpu/kernels/word_tiles.h"

namespace topicforge {
namespace {

constexpr int64_t kMostChunks = 16;

// logits[v][:] = exp(logits[v][:] - most), most and total brought up to them; keep[:] is what the
// sums so far are to be multiplied by. Returns whether any of it is not 1.
template <class T>
inline bool exponentials(int64_t topics, T* logits, T* most, T* total, T* keep) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  bool scaled = false;
  for (int half = 0; half < topics; half += L) {
    const Vec<T> before = load(most + half);
    Vec<T> top = before;
    for (int v = 0; v < kTile; ++v) top = maximum<T>(top, load(logits + v * P + half));
    // Where every logit so far is -inf, -inf - -inf must not make a NaN.
    const Vec<T> safe = top == -infinity<T>() ? Vec<T>{} : top;
    const Vec<T> factor = exponential<T>(before - safe);
    Vec<T> sum = load(total + half) * factor;
    for (int v = 0; v < kTile; ++v) {
      const Vec<T> e = exponential<T>(load(logits + v * P + half) - safe);
      store<T>(logits + v * P + half, e);
      sum += e;
    }
    store<T>(most + half, top);
    store<T>(total + half, sum);
    store<T>(keep + half, factor);
    for (int i = half; i < half + L; ++i) scaled |= keep[i] != T(1);
  }
  return scaled;
}

// Dimensions of a word, a vector at a time; where E is no multiple of it, the last vector ends at E
// and has some of the one before again. (A word narrower than a vector is read past its end.)
template <class T>
struct Vectors {
  explicit Vectors(int64_t E) : count(divide_up(E, kLanes<T>)), last(E - kLanes<T>) {}
  int64_t first(int64_t i) const {
    const int64_t e = i * kLanes<T>, most = last > 0 ? last : 0;
    return e < most ? e : most;
  }
  int64_t count, last;
};

// How many topics behind the last whole vector of them are taken one by one: all or none. One of them
// costs a word's dimensions by vectors and a sum over lanes, a vector of topics every dimension.
template <class T>
inline int64_t topics_apart(int64_t K, int64_t E) {
  constexpr int64_t lanes = kLanes<T>, sum_costs = 8;
  return K % lanes * (divide_up(E, lanes) + sum_costs) < E ? K % lanes : 0;
}

// sums[k][:] += sum_v p[v][k] w_v[:] for some topics k, and vectors i ... i + width - 1 of the words.
template <class T, int topics, int width>
void add_words_block(
    const T* p, const T* words, int64_t E, const Vectors<T>& vectors, int64_t i, T* sums) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  const int64_t stride = vectors.count * L;
  Vec<T> acc[topics][width];
  TOPICFORGE_UNROLL
  for (int k = 0; k < topics; ++k) {
    TOPICFORGE_UNROLL
    for (int j = 0; j < width; ++j) acc[k][j] = load(sums + k * stride + (i + j) * L);
  }
  for (int v = 0; v < kTile; ++v) {
    Vec<T> word[width];
    TOPICFORGE_UNROLL
    for (int j = 0; j < width; ++j) word[j] = load(words + v * E + vectors.first(i + j));
    TOPICFORGE_UNROLL
    for (int k = 0; k < topics; ++k) {
      const Vec<T> weight = splat<T>(p[v * P + k]);
      TOPICFORGE_UNROLL
      for (int j = 0; j < width; ++j) acc[k][j] += weight * word[j];
    }
  }
  TOPICFORGE_UNROLL
  for (int k = 0; k < topics; ++k) {
    TOPICFORGE_UNROLL
    for (int j = 0; j < width; ++j) store<T>(sums + k * stride + (i + j) * L, acc[k][j]);
  }
}

// The same for a number of topics known at run time, 1 <= topics <= most.
template <class T, int most, int width>
inline void add_words_sized(
    int topics, const T* p, const T* words, int64_t E, const Vectors<T>& vectors, int64_t i,
    T* sums) {
  if (topics == most) {
    add_words_block<T, most, width>(p, words, E, vectors, i, sums);
  } else if constexpr (most > 1) {
    add_words_sized<T, most - 1, width>(topics, p, words, E, vectors, i, sums);
  }
}

// For all topics of a panel, in blocks of nearly equal size: what is read of the words stays near
// from one block to the next.
template <class T, int width>
inline void add_words_columns(
    int64_t topics, const T* p, const T* words, int64_t E, const Vectors<T>& vectors, int64_t i,
    T* sums) {
  const int64_t blocks = divide_up(topics, kBlock);
  int64_t first = 0;
  for (int64_t b = 0; b < blocks; ++b) {
    const int size = static_cast<int>(divide_up(topics - first, blocks - b));
    add_words_sized<T, kBlock, width>(
        size, p + first, words, E, vectors, i, sums + first * vectors.count * kLanes<T>);
    first += size;
  }
}

template <class T>
inline void add_words(
    int64_t topics, const T* p, const T* words, int64_t E, const Vectors<T>& vectors, T* sums) {
  int64_t i = 0;
  for (; i + 2 <= vectors.count; i += 2) {
    add_words_columns<T, 2>(topics, p, words, E, vectors, i, sums);
  }
  if (i < vectors.count) add_words_columns<T, 1>(topics, p, words, E, vectors, i, sums);
}

// The first of the rising words that is not below v.
inline int64_t first_from(const int64_t* word, int64_t words, int64_t v) {
  int64_t low = 0, high = words;
  while (low < high) {
    const int64_t middle = low + (high - low) / 2;
    if (word[middle] < v) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

template <class T>
void forward(const TopicWordProblem<T>& problem, T* beta, T* mean, const Pool& pool) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  const int64_t V = problem.V, K = problem.K, E = problem.E, R = problem.R;
  const Panels<T> panels(pool, problem.topic, K, E);
  const Vectors<T> vectors(E);
  const int64_t apart = topics_apart<T>(K, E), stride = vectors.count * L;
  const int64_t chunk = words_per_chunk(V, kMostChunks);
  const int64_t chunks = divide_up(V, chunk);
  // A task's largest logits and totals, panel by panel, then the sums of its topics, (K, stride).
  const int64_t heads = panels.count * 2 * P, own = heads + K * stride;
  const Scratch<T> partial(pool, chunks * own), log_partition(pool, K);
  for_tasks<T>(pool, chunks, kTile * (P + E + 1) + L + P, [&](int64_t task, T* scratch) {
    T *logits = scratch, *keep = logits + kTile * P, *dots = keep + P, *copy = dots + kTile;
    int32_t number[kTile];  // of a word in its tile
    for (int v = 0; v < kTile; ++v) number[v] = v;
    T* mine = partial.get() + task * own;
    for (int64_t i = 0; i < own; ++i) {
      mine[i] = i < heads && i % (2 * P) < P ? -infinity<T>() : T(0);
    }
    // lanes behind the last topic, which nobody writes
    for (int64_t i = 0; i < kTile * P; ++i) logits[i] = T(0);
    const int64_t end = (task + 1) * chunk < V ? (task + 1) * chunk : V;
    int64_t wanted = first_from(problem.word, R, task * chunk);
    for (int64_t v = task * chunk; v < end; v += kTile) {
      const WordTile<T> words(problem.weight, nullptr, V, E, v, copy);
      int64_t after = wanted;
      while (after < R && problem.word[after] < v + kTile) ++after;
      for (int64_t panel = 0; panel < panels.count; ++panel) {
        const int64_t first = panel * P, topics = K - first < P ? K - first : P;
        T *most = mine + panel * 2 * P, *total = most + P, *sums = mine + heads + first * stride;
        const int64_t lanes = topics + first == K ? topics - apart : topics;
        if (lanes > L) {
          tile_logits<2>(words, panels[panel], E, logits);
        } else if (lanes > 0) {
          tile_logits<1>(words, panels[panel], E, logits);
        }
        for (int64_t k = lanes; k < topics; ++k) {
          dot_rows<T>(
              dots, nullptr, problem.topic + (first + k) * E, E, Visit<int32_t>{number, kTile, 0},
              words.weight, E);
          for (int v = 0; v < kTile; ++v) logits[v * P + k] = dots[v] + words.bias[v];
        }
        for (int64_t r = wanted; r < after; ++r) {
          const T* row = logits + (problem.word[r] - v) * P;
          for (int64_t k = 0; k < topics; ++k) beta[r * K + first + k] = row[k];
        }
        if (exponentials(topics, logits, most, total, keep)) {
          for (int64_t k = 0; k < topics; ++k) {
            for (int64_t i = k * stride; i < (k + 1) * stride; i += L) {
              store<T>(sums + i, load(sums + i) * keep[k]);
            }
          }
        }
        add_words(topics, logits, words.weight, E, vectors, sums);
      }
      wanted = after;
    }
  });
  for_tasks<T>(pool, panels.count * 2, 0, [&](int64_t task, T*) {
    const int64_t at = task / 2 * 2 * P + task % 2 * L;  // of a vector of topics in each chunk
    const int64_t first = task * L, left = K - first, topics = left < L ? left : L;
    Vec<T> top = load(partial.get() + at);
    for (int64_t c = 1; c < chunks; ++c) top = maximum<T>(top, load(partial.get() + c * own + at));
    const Vec<T> safe = top == -infinity<T>() ? Vec<T>{} : top;
    Vec<T> total = {};
    for (int64_t c = 0; c < chunks; ++c) {
      T* part = partial.get() + c * own + at;
      const Vec<T> factor = exponential<T>(load(part) - safe);
      total += load(part + P) * factor;
      store<T>(part, factor);  // the chunk's largest logits have been used
    }
    T logs[L], totals[L], lanes[L];
    store<T>(logs, safe + logarithm<T>(total));
    store<T>(totals, total);
    for (int64_t k = 0; k < topics; ++k) {
      log_partition.get()[first + k] = logs[k];
      for (int64_t i = 0; i < vectors.count; ++i) {
        Vec<T> sum = {};
        for (int64_t c = 0; c < chunks; ++c) {
          const T* part = partial.get() + c * own;
          sum += load(part + heads + (first + k) * stride + i * L) * part[at + k];
        }
        store<T>(lanes, sum / totals[k]);
        T* out = mean + (first + k) * E + vectors.first(i);
        for (int64_t e = 0; e < L && e < E; ++e) out[e] = lanes[e];
      }
    }
  });
  const int64_t rows = words_per_chunk(R, kMostChunks);
  for_tasks<T>(pool, divide_up(R, rows), K, [&](int64_t task, T* shifted) {
    const int64_t end = (task + 1) * rows < R ? (task + 1) * rows : R;
    for (int64_t r = task * rows; r < end; ++r) {
      for (int64_t k = 0; k < K; ++k) shifted[k] = beta[r * K + k] - log_partition.get()[k];
      exponential_of(shifted, T(1), beta + r * K, K);
    }
  });
}

// d beta_rk / d t_k = beta_rk (w_r - mean_k).
template <class T>
void backward(
    const TopicWordProblem<T>& problem, const T* grad, const T* beta, const T* mean,
    T* topic_grad, const Pool& pool) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  const int64_t K = problem.K, E = problem.E, R = problem.R;
  const int64_t panels = divide_up(K, P);
  const Vectors<T> vectors(E);
  const int64_t stride = vectors.count * L;
  const int64_t chunk = words_per_chunk(R, kMostChunks);
  const int64_t chunks = divide_up(R, chunk);
  // A task's totals of beta_rk G_rk, (K,) and a vector's rest, then its sums, (K, stride).
  const int64_t heads = panels * P, own = heads + K * stride;
  const Scratch<T> partial(pool, chunks * own);
  for_tasks<T>(pool, chunks, kTile * (P + E) + L, [&](int64_t task, T* scratch) {
    T *pulls = scratch, *words = pulls + kTile * P;
    T* mine = partial.get() + task * own;
    for (int64_t i = 0; i < own; ++i) mine[i] = T(0);
    const int64_t end = (task + 1) * chunk < R ? (task + 1) * chunk : R;
    for (int64_t first = task * chunk; first < end; first += kTile) {
      const int64_t left = end - first, rows = left < kTile ? left : kTile;
      for (int64_t r = 0; r < kTile; ++r) {
        T* row = words + r * E;
        if (r < rows) {
          __builtin_memcpy(
              row, problem.weight + problem.word[first + r] * E,
              static_cast<size_t>(E) * sizeof(T));
        } else {
          for (int64_t e = 0; e < E; ++e) row[e] = T(0);
        }
      }
      for (int64_t panel = 0; panel < panels; ++panel) {
        const int64_t k = panel * P, topics = K - k < P ? K - k : P;
        for (int64_t r = 0; r < kTile; ++r) {
          const int64_t at = (first + r) * K + k;
          for (int64_t i = 0; i < topics; ++i) {
            const T pull = r < rows ? grad[at + i] * beta[at + i] : T(0);
            pulls[r * P + i] = pull;
            mine[k + i] += pull;
          }
        }
        add_words(topics, pulls, words, E, vectors, mine + heads + k * stride);
      }
    }
  });
  for_tasks<T>(pool, K, 0, [&](int64_t k, T*) {
    T total = T(0), lanes[L];
    for (int64_t c = 0; c < chunks; ++c) total += partial.get()[c * own + k];
    for (int64_t i = 0; i < vectors.count; ++i) {
      Vec<T> sum = {};
      for (int64_t c = 0; c < chunks; ++c) {
        sum += load(partial.get() + c * own + heads + k * stride + i * L);
      }
      store<T>(lanes, sum);
      const int64_t at = k * E + vectors.first(i);
      for (int64_t e = 0; e < L && e < E; ++e) {
        topic_grad[at + e] = lanes[e] - total * mean[at + e];
      }
    }
  });
}

template <class T>
constexpr TopicWordRowsFunctions<T> functions = {forward<T>, backward<T>};

}  // namespace

TOPICFORGE_DEFINE_KERNELS(TopicWordRowsFunctions, topic_word_rows)

}  // namespace topicforge
