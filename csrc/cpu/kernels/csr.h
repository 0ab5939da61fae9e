// Compressed sparse rows: their transpose, and the two loops over dense rows that every sparse
// operator is made of. Included by kernel files only.
#pragma once

#include "cpu/kernels/sparse_rows.h"
#include "cpu/kernels/vector.h"
#include "cpu/pool.h"

namespace topicforge {
namespace {

// The entries of sparse rows by word: word v holds entries start[v] ... start[v + 1] - 1, each
// with its document and its place in the rows. Documents rise within a word, so that a sum over
// them has one order, whatever the number of threads. A counting sort, O(nnz + V).
class Transpose {
 public:
  template <class T>
  Transpose(const Pool& pool, const SparseRows<T>& rows)
      : start(pool, rows.words + 1), document(pool, rows.entries), place(pool, rows.entries) {
    int32_t* next = start.get();
    __builtin_memset(next, 0, sizeof(int32_t) * static_cast<size_t>(rows.words + 1));
    for (int64_t i = 0; i < rows.entries; ++i) ++next[rows.col[i]];
    int32_t before = 0;
    for (int64_t v = 0; v <= rows.words; ++v) {
      const int32_t here = next[v];
      next[v] = before;
      before += here;
    }
    for (int64_t b = 0; b < rows.documents; ++b) {
      for (int64_t i = rows.crow[b]; i < rows.crow[b + 1]; ++i) {
        const int32_t at = next[rows.col[i]]++;
        document[at] = static_cast<int32_t>(b);
        place[at] = static_cast<int32_t>(i);
      }
    }
    // Each start has moved to its word's end; move them back.
    for (int64_t v = rows.words; v > 0; --v) next[v] = next[v - 1];
    next[0] = 0;
  }

  Scratch<int32_t> start, document, place;
};

// values[place[i]], for entries that are visited by word.
template <class T>
struct Permuted {
  const T* values;
  const int32_t* place;
  T operator[](int64_t i) const { return values[place[i]]; }
};

template <int N>
struct Count {
  static constexpr int value = N;
};

// Vectors of accumulators that fit the registers beside their operands.
constexpr int kMostVectors = kManyRegisters ? 16 : 8;

// body(Count<n>{}) for n in 1 ... kMostVectors.
template <class Body>
inline void with_count(int64_t n, const Body& body) {
  switch (n) {
    case 1: return body(Count<1>{});
    case 2: return body(Count<2>{});
    case 3: return body(Count<3>{});
    case 4: return body(Count<4>{});
    case 5: return body(Count<5>{});
    case 6: return body(Count<6>{});
    case 7: return body(Count<7>{});
    default: break;
  }
  if constexpr (kManyRegisters) {
    switch (n) {
      case 9: return body(Count<9>{});
      case 10: return body(Count<10>{});
      case 11: return body(Count<11>{});
      case 12: return body(Count<12>{});
      case 13: return body(Count<13>{});
      case 14: return body(Count<14>{});
      case 15: return body(Count<15>{});
      case 16: return body(Count<16>{});
      default: break;
    }
  }
  body(Count<8>{});
}

// body(Count<N>{}, first, last) for tiles of columns that cover [0, n), n >= one vector: vectors
// j < N - 1 of a tile begin at first + j · lanes, the last one at `last`. It overlaps the one
// before where n is no multiple of a vector: no column is left to scalar code, and none is read
// beyond n.
template <class T, class Body>
inline void for_column_tiles(int64_t n, const Body& body) {
  constexpr int64_t lanes = kLanes<T>;
  const int64_t vectors = (n + lanes - 1) / lanes;
  for (int64_t done = 0; done < vectors;) {
    const int64_t now = vectors - done < kMostVectors ? vectors - done : kMostVectors;
    const int64_t end = (done + now) * lanes;
    const int64_t last = (end < n ? end : n) - lanes;
    with_count(now, [&](auto count) { body(count, done * lanes, last); });
    done += now;
  }
}

// How many entries ahead rows are fetched into the cache: their places are random.
constexpr int64_t kAhead = 4;

template <class T, class Index>
inline void prefetch_row(const T* x, int64_t stride, const Index* index, int64_t i, int64_t count, int64_t bytes) {
  if (i + kAhead < count) {
    const char* row = reinterpret_cast<const char*>(x + static_cast<int64_t>(index[i + kAhead]) * stride);
    for (int64_t at = 0; at < bytes; at += 64) __builtin_prefetch(row + at);
  }
}

// out[0, n) = begin[0, n) + Σ_i scale[i] · x[index[i] · stride + 0 ... n), summed in the order of
// i; `begin` null means zero, and does not overlap `out`.
template <class T, class Scale, class Index>
inline void add_scaled_rows(
    T* out, const T* begin, int64_t n, const Scale& scale, const Index* index, int64_t count,
    const T* x, int64_t stride) {
  constexpr int64_t lanes = kLanes<T>;
  if (n < lanes) {
    T sums[lanes] = {};
    for (int64_t k = 0; begin != nullptr && k < n; ++k) sums[k] = begin[k];
    for (int64_t i = 0; i < count; ++i) {
      const T* row = x + static_cast<int64_t>(index[i]) * stride;
      const T s = scale[i];
      for (int64_t k = 0; k < n; ++k) sums[k] += s * row[k];
    }
    for (int64_t k = 0; k < n; ++k) out[k] = sums[k];
    return;
  }
  for_column_tiles<T>(n, [&](auto vectors, int64_t first, int64_t last) {
    constexpr int N = decltype(vectors)::value;
    Vec<T> sums[N];
    auto offset = [&](int j) { return j < N - 1 ? first + j * lanes : last; };
    TOPICFORGE_UNROLL
    for (int j = 0; j < N; ++j) sums[j] = begin != nullptr ? load(begin + offset(j)) : Vec<T>{};
    for (int64_t i = 0; i < count; ++i) {
      prefetch_row(x + first, stride, index, i, count, N * TOPICFORGE_VECTOR_BYTES);
      const T* row = x + static_cast<int64_t>(index[i]) * stride;
      const Vec<T> s = splat<T>(scale[i]);
      TOPICFORGE_UNROLL
      for (int j = 0; j < N; ++j) sums[j] += s * load(row + offset(j));
    }
    TOPICFORGE_UNROLL
    for (int j = 0; j < N; ++j) store<T>(out + offset(j), sums[j]);
  });
}

template <class T, int bytes>
inline T sum_of_lanes(const void* v) {
  if constexpr (bytes == sizeof(T)) {
    T x;
    __builtin_memcpy(&x, v, bytes);
    return x;
  } else if constexpr (bytes == 2 * sizeof(T)) {
    T x[2];
    __builtin_memcpy(x, v, bytes);
    return x[0] + x[1];
  } else {
    typedef T Half __attribute__((vector_size(bytes / 2)));
    Half a, b;
    __builtin_memcpy(&a, v, bytes / 2);
    __builtin_memcpy(&b, static_cast<const char*>(v) + bytes / 2, bytes / 2);
    a += b;
    return sum_of_lanes<T, bytes / 2>(&a);
  }
}

// out[i] = begin[i] + Σ_k y[k] · x[index[i] · stride + k], k < n; `begin` may be `out` or null.
template <class T, class Index>
inline void dot_rows(
    T* out, const T* begin, const T* y, int64_t n, const Index* index, int64_t count, const T* x,
    int64_t stride) {
  constexpr int64_t lanes = kLanes<T>;
  if (n < lanes) {
    for (int64_t i = 0; i < count; ++i) {
      const T* row = x + static_cast<int64_t>(index[i]) * stride;
      T total = begin != nullptr ? begin[i] : T(0);
      for (int64_t k = 0; k < n; ++k) total += y[k] * row[k];
      out[i] = total;
    }
    return;
  }
  for_column_tiles<T>(n, [&](auto vectors, int64_t first, int64_t last) {
    constexpr int N = decltype(vectors)::value;
    Vec<T> left[N];
    TOPICFORGE_UNROLL
    for (int j = 0; j < N - 1; ++j) left[j] = load(y + first + j * lanes);
    // Columns of the last vector that the one before has already are counted once.
    const int64_t fresh = first + (N - 1) * lanes - last;
    T tail[lanes];
    for (int64_t k = 0; k < lanes; ++k) tail[k] = k < fresh ? T(0) : y[last + k];
    left[N - 1] = load<T>(tail);
    for (int64_t i = 0; i < count; ++i) {
      prefetch_row(x + first, stride, index, i, count, N * TOPICFORGE_VECTOR_BYTES);
      const T* row = x + static_cast<int64_t>(index[i]) * stride;
      Vec<T> even = left[N - 1] * load(row + last), odd = {};
      TOPICFORGE_UNROLL
      for (int j = 0; j + 1 < N; j += 2) odd += left[j] * load(row + first + j * lanes);
      TOPICFORGE_UNROLL
      for (int j = 1; j + 1 < N; j += 2) even += left[j] * load(row + first + j * lanes);
      even += odd;
      const T before = first > 0 ? out[i] : (begin != nullptr ? begin[i] : T(0));
      out[i] = before + sum_of_lanes<T, TOPICFORGE_VECTOR_BYTES>(&even);
    }
  });
}

}  // namespace
}  // namespace topicforge
