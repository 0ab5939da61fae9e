// Logits of all words, a tile at a time: kTile words by one panel of points.
#pragma once

#include "cpu/csr.h"
#include "cpu/tiles.h"
#include "cpu/pool.h"

namespace topicforge {
namespace {

constexpr int kTile = 48;  // words; a multiple of kBlock on every instruction set
static_assert(kTile % kBlock == 0, "a tile is made of whole blocks");

inline int64_t divide_up(int64_t a, int64_t b) { return (a + b - 1) / b; }

// Words of a task: of whole tiles, in at most so many tasks.
inline int64_t words_per_chunk(int64_t words, int64_t most_chunks) {
  const int64_t chunk = divide_up(divide_up(words, most_chunks), kTile) * kTile;
  return chunk > 0 ? chunk : kTile;  // no words are no chunks, but of some size
}

template <class T>
inline T infinity() {
  return T(__builtin_inf());
}

// Rows as panels of points, one after the other, the rest of the last one zero.
template <class T>
class Panels {
 public:
  static constexpr int P = kPanel<T>;

  Panels(const Pool& pool, const T* rows, int64_t number, int64_t columns)
      : count(divide_up(number, P)), K(columns), number_(number), data_(pool, count * P * K) {
    for_tasks<T>(pool, count, 0, [&](int64_t panel, T*) {
      const int64_t first = panel * P, left = number - first;
      fill_panel(rows + first * K, K, left < P ? left : P, K, data_.get() + panel * P * K);
    });
  }
  const T* operator[](int64_t panel) const { return data_.get() + panel * P * K; }

  // body(Count<N>{}), N the vectors of a panel that have points.
  template <class Body>
  void with_vectors(int64_t panel, const Body& body) const {
    if (number_ - panel * P > kLanes<T>) {
      body(Count<2>{});
    } else {
      body(Count<1>{});
    }
  }

  int64_t count, K;

 private:
  int64_t number_;
  Scratch<T> data_;
};

// Words first ... first + kTile - 1: their weights and biases; beyond the vocabulary weight 0 and
// bias -inf, so that they have probability 0. A vector may be read at any of the words' numbers,
// if `scratch` holds one more behind the last.
template <class T>
struct WordTile {
  const T* weight;
  T bias[kTile];

  // Of `words` rows of `all` and as many biases, null for none; `scratch` holds kTile * K elements.
  WordTile(
      const T* all, const T* biases, int64_t words, int64_t K, int64_t first, T* scratch) {
    const int64_t left = words - first, valid = left < kTile ? left : kTile;
    for (int64_t v = 0; v < kTile; ++v) {
      bias[v] = v >= valid ? -infinity<T>() : biases == nullptr ? T(0) : biases[first + v];
    }
    weight = all + first * K;
    if (left * K < kTile * K + kLanes<T>) {
      for (int64_t i = 0; i < kTile * K; ++i) scratch[i] = i < valid * K ? weight[i] : T(0);
      weight = scratch;
    }
  }
};

// logits[v * P + i] = w_v · theta_i + bias_v for the words of a tile and the points of a panel's
// first N vectors. Never inline: beside the constants of an exponential gcc keeps sums in memory.
template <int N, class T>
__attribute__((noinline)) void tile_logits(
    const WordTile<T>& words, const T* panel, int64_t K, T* logits) {
  constexpr int P = kPanel<T>, L = kLanes<T>;
  for (int v = 0; v < kTile; v += kBlock) {
    Vec<T> acc[kBlock][N];
    products<N>(words.weight + v * K, K, panel, K, acc);
    TOPICFORGE_UNROLL
    for (int r = 0; r < kBlock; ++r) {
      const Vec<T> b = splat<T>(words.bias[v + r]);
      TOPICFORGE_UNROLL
      for (int j = 0; j < N; ++j) store<T>(logits + (v + r) * P + j * L, acc[r][j] + b);
    }
  }
}

}  // namespace
}  // namespace topicforge
