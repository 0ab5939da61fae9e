#include "tile.h"

namespace scatter_mmd {

SCATTER_MMD_CLONES double tile_sum_any(
    const float* a, int64_t n_a, const float* b, const float* b_columns, int64_t n_b,
    int64_t width, const float* c, int64_t n_scales, bool diagonal, float* pull_a, float* pull_b) {
  return tile_sum(a, n_a, b, b_columns, n_b, width, c, n_scales, diagonal, pull_a, pull_b);
}

SCATTER_MMD_CLONES double tile_sum_any(
    const double* a, int64_t n_a, const double* b, const double* b_columns, int64_t n_b,
    int64_t width, const double* c, int64_t n_scales, bool diagonal, double* pull_a,
    double* pull_b) {
  return tile_sum(a, n_a, b, b_columns, n_b, width, c, n_scales, diagonal, pull_a, pull_b);
}

}  // namespace scatter_mmd
