// The operator at LibTorch's door: schema, checks, and the walk over all tiles. Nothing here or in
// the other files uses Python or ATen, so that one build serves every torch from 2.10 on.
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <tuple>
#include <vector>

#include "rounds.h"
#include "tile.h"

namespace scatter_mmd {
namespace {

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// One side of the pooled sample: its rows and where their pulls go (null: nobody wants them).
template <class T>
struct Side {
  const T* rows;
  int64_t n;
  T* pull;
};

template <class T>
struct Walk {
  static constexpr int64_t tile = Lanes<T>::tile;

  Side<T> x, y;
  int64_t width;
  const T* c;
  int64_t n_scales;
  double weight_x, weight_y, weight_cross;  // of a pair inside x, inside y, across

  int64_t blocks_x() const { return (x.n + tile - 1) / tile; }
  int64_t blocks() const { return blocks_x() + (y.n + tile - 1) / tile; }

  // Sum of weight * k over the pairs of blocks i <= j; scatters the pulls to the rows of both.
  double meet(int64_t i, int64_t j, std::vector<T>& room) const {
    const bool i_in_x = i < blocks_x(), j_in_x = j < blocks_x();
    const Side<T>&a = i_in_x ? x : y, &b = j_in_x ? x : y;
    const double weight = i_in_x != j_in_x ? weight_cross : (i_in_x ? weight_x : weight_y);
    const int64_t start_a = (i_in_x ? i : i - blocks_x()) * tile;
    const int64_t start_b = (j_in_x ? j : j - blocks_x()) * tile;
    const int64_t n_a = std::min(tile, a.n - start_a), n_b = std::min(tile, b.n - start_b);
    const int64_t area = tile * width;
    room.assign(3 * area, T(0));
    T* columns = room.data();
    T* pull_a = a.pull == nullptr ? nullptr : columns + area;
    T* pull_b = b.pull == nullptr ? nullptr : columns + 2 * area;
    const T* rows_b = b.rows + start_b * width;
    transpose(rows_b, n_b, width, columns);
    const double sum = tile_sum_any(
        a.rows + start_a * width, n_a, rows_b, columns, n_b, width, c, n_scales, i == j, pull_a,
        pull_b);
    // d/da k(|a - b|^2) = 2 k'(d) (a - b), and the tile summed -k'(d) (a - b)
    const T factor = static_cast<T>(-2 * weight);
    if (pull_a != nullptr) add(a.pull + start_a * width, pull_a, n_a * width, factor);
    if (pull_b != nullptr) add(b.pull + start_b * width, pull_b, n_b * width, factor);
    return weight * sum;
  }

  static void add(T* to, const T* from, int64_t size, T factor) {
    for (int64_t i = 0; i < size; ++i) to[i] += factor * from[i];
  }

  double run() const {
    const int64_t n = blocks();
    std::vector<double> sums(n, 0.0);  // by the lower block of a tile, which one round has once
    torch::stable::parallel_for(0, n, 1, [&](int64_t begin, int64_t end) {
      std::vector<T> room;
      for (int64_t i = begin; i < end; ++i) sums[i] += meet(i, i, room);
    });
    const Rounds plan(n);
    for (int64_t round = 0; round < plan.rounds(); ++round) {
      torch::stable::parallel_for(0, plan.tables(), 1, [&](int64_t begin, int64_t end) {
        std::vector<T> room;
        for (int64_t table = begin; table < end; ++table) {
          const auto [i, j] = plan.at(round, table);
          if (j < plan.blocks) sums[i] += meet(i, j, room);
        }
      });
    }
    double total = 0;
    for (const double sum : sums) total += sum;
    return total;
  }
};

void check(const Tensor& x, const Tensor& y, const Tensor& c) {
  STD_TORCH_CHECK(
      x.dim() == 2 && y.dim() == 2 && x.size(1) == y.size(1),
      "imq_mmd: x and y must be (n, L) and (m, L) with one L");
  STD_TORCH_CHECK(x.size(0) > 0 && y.size(0) > 0, "imq_mmd: x and y must have rows");
  STD_TORCH_CHECK(c.dim() == 1 && c.size(0) > 0, "imq_mmd: c must be (S,) with S >= 1");
  const ScalarType type = x.scalar_type();
  STD_TORCH_CHECK(
      type == ScalarType::Float || type == ScalarType::Double,
      "imq_mmd: x must be float32 or float64");
  STD_TORCH_CHECK(
      y.scalar_type() == type && c.scalar_type() == type, "imq_mmd: x, y, c must have one type");
}

Tensor zeros_or_none(const Tensor& like, bool wanted) {
  const std::vector<int64_t> shape{wanted ? like.size(0) : 0, like.size(1)};
  return torch::stable::new_zeros(like, {shape.data(), shape.size()});
}

template <class T>
void compute(
    const Tensor& x, const Tensor& y, const Tensor& c, bool unbiased, Tensor& value,
    Tensor* pull_x, Tensor* pull_y) {
  const double n = static_cast<double>(x.size(0)), m = static_cast<double>(y.size(0));
  const auto pairs = [&](double k) { return unbiased ? std::max(k * (k - 1), 1.0) : k * k; };
  const Walk<T> walk{
      {x.const_data_ptr<T>(), x.size(0), pull_x ? pull_x->mutable_data_ptr<T>() : nullptr},
      {y.const_data_ptr<T>(), y.size(0), pull_y ? pull_y->mutable_data_ptr<T>() : nullptr},
      x.size(1), c.const_data_ptr<T>(), c.size(0), 2 / pairs(n), 2 / pairs(m), -2 / (n * m)};
  // the biased estimate keeps the diagonals, where k = S whatever the rows are
  const double diagonal = unbiased ? 0 : static_cast<double>(c.size(0)) * (1 / n + 1 / m);
  *value.mutable_data_ptr<T>() = static_cast<T>(walk.run() + diagonal);
}

std::tuple<Tensor, Tensor, Tensor> imq_mmd(
    const Tensor& x_in, const Tensor& y_in, const Tensor& c_in, bool unbiased, bool want_x,
    bool want_y) {
  check(x_in, y_in, c_in);
  const Tensor x = torch::stable::contiguous(x_in), y = torch::stable::contiguous(y_in);
  const Tensor c = torch::stable::contiguous(c_in);
  Tensor value = torch::stable::new_empty(x, {});
  Tensor pull_x = zeros_or_none(x, want_x), pull_y = zeros_or_none(y, want_y);
  Tensor *to_x = want_x ? &pull_x : nullptr, *to_y = want_y ? &pull_y : nullptr;
  if (x.scalar_type() == ScalarType::Float) {
    compute<float>(x, y, c, unbiased, value, to_x, to_y);
  } else {
    compute<double>(x, y, c, unbiased, value, to_x, to_y);
  }
  return {value, pull_x, pull_y};
}

}  // namespace
}  // namespace scatter_mmd

STABLE_TORCH_LIBRARY(topicforge_scatter_mmd, m) {
  // (value, d value / d x, d value / d y); a gradient that is not wanted comes as (0, L).
  m.def(
      "imq_mmd(Tensor x, Tensor y, Tensor c, bool unbiased, bool want_x, bool want_y) "
      "-> (Tensor, Tensor, Tensor)");
}

STABLE_TORCH_LIBRARY_IMPL(topicforge_scatter_mmd, CPU, m) {
  m.impl("imq_mmd", TORCH_BOX(&scatter_mmd::imq_mmd));
}
