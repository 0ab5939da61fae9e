// Topics are the points, in panels. A tile of logits is made, its exponentials over the largest so
// far take its place, and the tile's words are added up with them; where a larger logit comes, what
// was added before is scaled down. So the words are read once, and nothing of V x K is kept.
//
// A task is a chunk of words; the chunks depend on the sizes alone. Its largest logits, totals and
// sums are its own; they are brought together in the order of the chunks.
#include "cpu/kernels/log_partition.h"

#include "cpu/kernels/logarithm.h"
#include "cpu/kernels/word_tiles.h"

namespace topicforge {
namespace {

constexpr int64_t kMostChunks = 16;

// logits[v][:] = exp(logits[v][:] - most), most and total brought up to them; keep[:] is what the
// sums so far are to be multiplied by. Returns whether any of it is not 1.
template <class T>
inline bool exponentials(T* logits, T* most, T* total, T* keep) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  bool scaled = false;
  for (int half = 0; half < P; half += L) {
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

template <class T>
void run(const PartitionProblem<T>& problem, T* log_partition, T* mean, const Pool& pool) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  const int64_t V = problem.V, K = problem.K, E = problem.E;
  const Panels<T> panels(pool, problem.topic, K, E);
  const int64_t chunk = words_per_chunk(V, kMostChunks);
  const int64_t chunks = divide_up(V, chunk);
  // A task's panels one after the other: largest logits, totals, then sums, (E, P).
  const int64_t of_panel = (2 + E) * P, own = panels.count * of_panel;
  const Scratch<T> partial(pool, chunks * own);
  for_tasks<T>(pool, chunks, kTile * (P + E) + P, [&](int64_t task, T* scratch) {
    T *logits = scratch, *keep = logits + kTile * P, *copy = keep + P;
    T* mine = partial.get() + task * own;
    for (int64_t i = 0; i < own; ++i) mine[i] = i % of_panel < P ? -infinity<T>() : T(0);
    const int64_t end = (task + 1) * chunk < V ? (task + 1) * chunk : V;
    for (int64_t v = task * chunk; v < end; v += kTile) {
      const WordTile<T> words(problem.weight, nullptr, V, E, v, copy);
      for (int64_t panel = 0; panel < panels.count; ++panel) {
        T *most = mine + panel * of_panel, *total = most + P, *sums = total + P;
        tile_logits(words, panels[panel], E, logits);
        if (exponentials(logits, most, total, keep)) {
          const Vec<T> low = load(keep), high = load(keep + L);
          for (int64_t e = 0; e < E; ++e) {
            store<T>(sums + e * P, load(sums + e * P) * low);
            store<T>(sums + e * P + L, load(sums + e * P + L) * high);
          }
        }
        add_weighted(words.weight, E, logits, kTile, E, sums);
      }
    }
  });
  for_tasks<T>(pool, panels.count * 2, 0, [&](int64_t task, T*) {
    const int64_t at = task / 2 * of_panel + task % 2 * L;  // of a vector of topics in each chunk
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
    T lanes[L];
    store<T>(lanes, safe + logarithm<T>(total));
    for (int64_t i = 0; i < topics; ++i) log_partition[first + i] = lanes[i];
    for (int64_t e = 0; e < E; ++e) {
      Vec<T> sum = {};
      for (int64_t c = 0; c < chunks; ++c) {
        const T* part = partial.get() + c * own + at;
        sum += load(part + (2 + e) * P) * load(part);
      }
      store<T>(lanes, sum / total);
      for (int64_t i = 0; i < topics; ++i) mean[(first + i) * E + e] = lanes[i];
    }
  });
}

}  // namespace

extern const LogPartitionKernels TOPICFORGE_TABLE_NAME(log_partition);
const LogPartitionKernels TOPICFORGE_TABLE_NAME(log_partition) = {{run<float>}, {run<double>}};

}  // namespace topicforge
