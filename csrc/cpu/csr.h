// Compressed sparse rows: their transpose, and the two loops over dense rows that every sparse
// operator is made of. Included by kernel files only.
#pragma once

#include "ops/sparse_rows.h"
#include "cpu/vector.h"
#include "cpu/pool.h"

namespace topicforge {
namespace {

// Which rows are read, and in which order: index[0 ... count). Entries up to `known` may be looked
// at ahead of time, those of the next document included: rows that lie at random places outside
// of the cache are fetched early. `known` is 0 where they are in it.
template <class Index>
struct Visit {
  const Index* index;
  int64_t count, known;
};

// A core's own cache, less what else is in use: the matrix of `rows` x `columns` stays in it.
constexpr int64_t kCacheBytes = 768 * 1024;

template <class T>
inline bool fits_cache(int64_t rows, int64_t columns) {
  return rows * columns * static_cast<int64_t>(sizeof(T)) <= kCacheBytes;
}

// values[place[i]], for entries that are visited by word.
template <class T>
struct Permuted {
  const T* values;
  const int32_t* place;
  T operator[](int64_t i) const { return values[place[i]]; }
};

// The entries of sparse rows by word: word v holds entries start[v] ... start[v + 1] - 1, each
// with its document and its place in the rows. Documents rise within a word, so that a sum over
// them has one order, whatever the number of threads. A counting sort, O(nnz + V).
class Transpose {
 public:
  template <class T>
  Transpose(const Pool& pool, const SparseRows<T>& rows)
      : entries(rows.entries),
        start(pool, rows.words + 1),
        document(pool, rows.entries),
        place(pool, rows.entries) {
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

  // The documents in which word v occurs; their rows are in the cache or not.
  Visit<int32_t> visit(int64_t v, bool cached) const {
    return {document.get() + start[v], start[v + 1] - start[v], cached ? 0 : entries - start[v]};
  }

  // The values of word v's entries; `values` (nnz,) in the order of the rows.
  template <class T>
  Permuted<T> values(const T* values, int64_t v) const {
    return {values, place.get() + start[v]};
  }

  int64_t entries;
  Scratch<int32_t> start, document, place;
};

// The words of document b; their rows are in the cache or not.
template <class T>
inline Visit<int64_t> words_of(const SparseRows<T>& rows, int64_t b, bool cached) {
  const int64_t begin = rows.crow[b];
  return {rows.col + begin, rows.crow[b + 1] - begin, cached ? 0 : rows.entries - begin};
}

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

// The address x[index[i] · stride], kept in one register: left to itself gcc spreads the sum over
// as many addresses as there are vectors in a row.
template <class T, class Index>
inline const T* row_at(const T* x, int64_t stride, const Visit<Index>& visit, int64_t i) {
  const T* row = x + static_cast<int64_t>(visit.index[i]) * stride;
  asm("" : "+r"(row));
  return row;
}

constexpr int64_t kAhead = 16;

// Always inline: gcc takes a function that only prefetches for one without effect, and drops it.
template <int N, class T, class Index>
__attribute__((always_inline)) inline void prefetch_row(
    const T* x, int64_t stride, const Visit<Index>& visit, int64_t i) {
  if (i + kAhead < visit.known) {
    const char* row = reinterpret_cast<const char*>(row_at(x, stride, visit, i + kAhead));
    TOPICFORGE_UNROLL
    for (int at = 0; at < N * TOPICFORGE_VECTOR_BYTES; at += 64) __builtin_prefetch(row + at);
  }
}

template <int N, class T, class Scale, class Index>
inline void add_scaled_rows_tile(
    T* out, const T* begin, int64_t last, const Scale scale, const Visit<Index> visit, const T* x,
    int64_t stride) {
  constexpr int64_t lanes = kLanes<T>;
  Vec<T> sums[N] = {};
  if (begin != nullptr) {
    TOPICFORGE_UNROLL
    for (int j = 0; j < N - 1; ++j) sums[j] = load(begin + j * lanes);
    sums[N - 1] = load(begin + last);
  }
  for (int64_t i = 0; i < visit.count; ++i) {
    prefetch_row<N>(x, stride, visit, i);
    const T* row = row_at(x, stride, visit, i);
    const Vec<T> s = splat<T>(scale[i]);
    TOPICFORGE_UNROLL
    for (int j = 0; j < N - 1; ++j) sums[j] += s * load(row + j * lanes);
    sums[N - 1] += s * load(row + last);
  }
  TOPICFORGE_UNROLL
  for (int j = 0; j < N - 1; ++j) store<T>(out + j * lanes, sums[j]);
  store<T>(out + last, sums[N - 1]);
}

// out[0, n) = begin[0, n) + Σ_i scale[i] · x[index[i] · stride + 0 ... n), summed in the order of
// i; `begin` null means zero, and does not overlap `out`.
template <class T, class Scale, class Index>
inline void add_scaled_rows(
    T* out, const T* begin, int64_t n, const Scale& scale, const Visit<Index>& visit, const T* x,
    int64_t stride) {
  constexpr int64_t lanes = kLanes<T>;
  if (n < lanes) {
    T sums[lanes] = {};
    for (int64_t k = 0; begin != nullptr && k < n; ++k) sums[k] = begin[k];
    for (int64_t i = 0; i < visit.count; ++i) {
      const T* row = row_at(x, stride, visit, i);
      const T s = scale[i];
      for (int64_t k = 0; k < n; ++k) sums[k] += s * row[k];
    }
    for (int64_t k = 0; k < n; ++k) out[k] = sums[k];
    return;
  }
  for_column_tiles<T>(n, [&](auto vectors, int64_t first, int64_t last) {
    add_scaled_rows_tile<decltype(vectors)::value>(
        out + first, begin == nullptr ? nullptr : begin + first, last - first, scale, visit,
        x + first, stride);
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

template <int N, class T, class Index>
inline void dot_rows_tile(
    T* out, const T* begin, const T* y, int64_t last, const Visit<Index> visit, const T* x,
    int64_t stride) {
  constexpr int64_t lanes = kLanes<T>;
  Vec<T> left[N];
  TOPICFORGE_UNROLL
  for (int j = 0; j < N - 1; ++j) left[j] = load(y + j * lanes);
  // Columns of the last vector that the one before has already are counted once.
  const int64_t counted = (N - 1) * lanes - last;
  T tail[lanes];
  for (int64_t k = 0; k < lanes; ++k) tail[k] = k < counted ? T(0) : y[last + k];
  left[N - 1] = load<T>(tail);
  for (int64_t i = 0; i < visit.count; ++i) {
    prefetch_row<N>(x, stride, visit, i);
    const T* row = row_at(x, stride, visit, i);
    Vec<T> even = left[N - 1] * load(row + last), odd = {};
    TOPICFORGE_UNROLL
    for (int j = 0; j + 1 < N; j += 2) odd += left[j] * load(row + j * lanes);
    TOPICFORGE_UNROLL
    for (int j = 1; j + 1 < N; j += 2) even += left[j] * load(row + j * lanes);
    even += odd;
    const T sum = sum_of_lanes<T, TOPICFORGE_VECTOR_BYTES>(&even);
    out[i] = begin == nullptr ? sum : begin[i] + sum;
  }
}

// out[i] = begin[i] + Σ_k y[k] · x[index[i] · stride + k], k < n; `begin` may be `out` or null.
template <class T, class Index>
inline void dot_rows(
    T* out, const T* begin, const T* y, int64_t n, const Visit<Index>& visit, const T* x,
    int64_t stride) {
  constexpr int64_t lanes = kLanes<T>;
  if (n < lanes) {
    for (int64_t i = 0; i < visit.count; ++i) {
      const T* row = row_at(x, stride, visit, i);
      T total = begin != nullptr ? begin[i] : T(0);
      for (int64_t k = 0; k < n; ++k) total += y[k] * row[k];
      out[i] = total;
    }
    return;
  }
  for_column_tiles<T>(n, [&](auto vectors, int64_t first, int64_t last) {
    dot_rows_tile<decltype(vectors)::value>(
        out, first > 0 ? out : begin, y + first, last - first, visit, x + first, stride);
  });
}

}  // namespace
}  // namespace topicforge
