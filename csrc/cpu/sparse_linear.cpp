#include "ops/sparse_linear.h"

#include "cpu/csr.h"

namespace topicforge {
namespace {

constexpr int64_t kDocumentsPerTask = 32;
constexpr int64_t kWordsPerTask = 256;

// Columns are taken a tile at a time where the rows of a tile then stay in the cache: each is read
// many times, from random places. The tile depends on the sizes alone.
template <class T>
int64_t column_tile(int64_t rows, int64_t reads, int64_t columns) {
  const int64_t least = kMostVectors * kLanes<T>;
  // Small anyway, or read little more than once: tiles gain nothing.
  if (fits_cache<T>(rows, columns) || reads < 4 * rows) return columns;
  const int64_t fitting = kCacheBytes / (rows * static_cast<int64_t>(sizeof(T))) / least * least;
  return fitting < least ? least : fitting;
}

template <class T>
void forward(
    const SparseRows<T>& x, const T* weight, const T* bias, int64_t H, T* out, const Pool& pool) {
  if (H == 0) return;
  const int64_t tile = column_tile<T>(x.words, x.entries, H);
  const int64_t blocks = (x.documents + kDocumentsPerTask - 1) / kDocumentsPerTask;
  const int64_t tiles = (H + tile - 1) / tile;
  const bool cached = fits_cache<T>(x.words, tile);
  for_tasks<T>(pool, blocks * tiles, 0, [&](int64_t task, T*) {
    const int64_t h = task / blocks * tile, width = H - h < tile ? H - h : tile;
    const int64_t first = task % blocks * kDocumentsPerTask;
    for (int64_t b = first; b < first + kDocumentsPerTask && b < x.documents; ++b) {
      add_scaled_rows(
          out + b * H + h, bias + h, width, x.value + x.crow[b], words_of(x, b, cached), weight + h,
          H);
    }
  });
}

template <class T>
void grad_bias_of(const T* grad, int64_t B, int64_t H, T* out, const Pool& pool) {
  const int64_t width = 4 * kLanes<T>;
  for_tasks<T>(pool, (H + width - 1) / width, 0, [&](int64_t task, T*) {
    const int64_t end = (task + 1) * width < H ? (task + 1) * width : H;
    for (int64_t h = task * width; h < end; ++h) out[h] = T(0);
    for (int64_t b = 0; b < B; ++b) {
      for (int64_t h = task * width; h < end; ++h) out[h] += grad[b * H + h];
    }
  });
}

template <class T>
void backward(
    const SparseRows<T>& x, const T* grad, const T* weight, int64_t H, T* grad_value,
    T* grad_weight, T* grad_bias, const Pool& pool) {
  if (grad_value != nullptr) {
    const int64_t blocks = (x.documents + kDocumentsPerTask - 1) / kDocumentsPerTask;
    const bool cached = fits_cache<T>(x.words, H);
    for_tasks<T>(pool, blocks, 0, [&](int64_t task, T*) {
      const int64_t first = task * kDocumentsPerTask;
      for (int64_t b = first; b < first + kDocumentsPerTask && b < x.documents; ++b) {
        dot_rows<T>(
            grad_value + x.crow[b], nullptr, grad + b * H, H, words_of(x, b, cached), weight, H);
      }
    });
  }
  if (grad_weight != nullptr && H > 0) {
    const Transpose by_word(pool, x);
    const int64_t tile = column_tile<T>(x.documents, x.entries, H);
    const int64_t blocks = (x.words + kWordsPerTask - 1) / kWordsPerTask;
    const int64_t tiles = (H + tile - 1) / tile;
    const bool cached = fits_cache<T>(x.documents, tile);
    for_tasks<T>(pool, blocks * tiles, 0, [&](int64_t task, T*) {
      const int64_t h = task / blocks * tile, width = H - h < tile ? H - h : tile;
      const int64_t first = task % blocks * kWordsPerTask;
      for (int64_t v = first; v < first + kWordsPerTask && v < x.words; ++v) {
        add_scaled_rows<T>(
            grad_weight + v * H + h, nullptr, width, by_word.values(x.value, v),
            by_word.visit(v, cached), grad + h, H);
      }
    });
  }
  if (grad_bias != nullptr) grad_bias_of(grad, x.documents, H, grad_bias, pool);
}

template <class T>
constexpr SparseLinearFunctions<T> functions = {forward<T>, backward<T>};

}  // namespace

TOPICFORGE_DEFINE_KERNELS(SparseLinearFunctions, sparse_linear)

}  // namespace topicforge
