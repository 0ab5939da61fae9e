// The CUDA device code, emulated, against the CPU kernels: values and every gradient.
#if !defined(__SANITIZE_THREAD__)  // fibers confuse ThreadSanitizer, and there are no threads here

#include "cuda_emulator.h"

#include "cuda/diffusion.cuh"
#include "cuda/mixture.cuh"
#include "harness.h"
#include "ops/diffusion.h"
#include "ops/mixture.h"

namespace {

using namespace topicforge;

const dim3 square(cuda::kSide, cuda::kSide);
const dim3 line(64);

dim3 grid(int64_t x, int64_t y = 1, int64_t z = 1) {
  return dim3(static_cast<unsigned>(x), static_cast<unsigned>(y), static_cast<unsigned>(z));
}

int64_t blocks(int64_t count, int64_t size) { return (count + size - 1) / size; }

template <class T>
void expect_all(const char* what, const std::vector<T>& came, const std::vector<T>& expected) {
  for (size_t i = 0; i < came.size(); ++i) {
    harness::expect_near(what, came[i], expected[i], harness::tolerance<T>());
  }
}

template <class T>
void check_diffusion(int64_t n, int64_t m, int64_t K, double t, bool unbiased, int64_t segments) {
  const auto log_q = harness::log_softmax(harness::normal<T>(n * K, 1), K);
  const auto log_p = harness::log_softmax(harness::normal<T>(m * K, 2), K);
  const auto grad = harness::normal<T>(n * m, 3);
  const DiffusionProblem<T> problem{log_q.data(), log_p.data(), n, m, K, t};
  const Pool pool = harness::pool(1);
  std::vector<T> expected_q(n * K), expected_p(m * K), expected_matrix(n * m);
  T expected;
  diffusion_kernels<T>().mmd(problem, unbiased, &expected, expected_q.data(), nullptr, pool);
  diffusion_kernels<T>().matrix(problem, expected_matrix.data(), pool);

  std::vector<T> q(n * K), p(m * K);
  emulator::launch(grid(blocks(n * K, 64)), line, cuda::roots<T>, log_q.data(), n * K, q.data());
  emulator::launch(grid(blocks(m * K, 64)), line, cuda::roots<T>, log_p.data(), m * K, p.data());
  const double weight_q = 1.0 / (double(n) * double(unbiased ? n - 1 : n));
  const double weight_p = 1.0 / (double(m) * double(unbiased ? m - 1 : m));
  const double weight_cross = -2.0 / (double(n) * double(m));
  const Profile<T> profile(t);
  auto run = [&](const cuda::Sweep<T>& task, const Profile<T>& with) {
    emulator::launch(
        grid(blocks(task.own_count, cuda::kTile<T>), segments), square, cuda::sweep<T>, task,
        with);
  };
  auto totals_of = [&](int64_t own) {
    return std::vector<double>(blocks(own, cuda::kTile<T>) * segments);
  };
  auto total_qq = totals_of(n), total_pp = totals_of(m), total_qp = totals_of(n);
  std::vector<T> within(segments * n * K), across(segments * n * K), grad_q(n * K), matrix(n * m);
  cuda::Sweep<T> task{q.data(), q.data(), n, n, K};
  task.skip_diagonal = unbiased;
  task.totals = total_qq.data();
  task.sums = within.data();
  run(task, profile.scaled(2.0 * weight_q));
  task = {p.data(), p.data(), m, m, K};
  task.skip_diagonal = unbiased;
  task.totals = total_pp.data();
  run(task, profile);
  task = {q.data(), p.data(), n, m, K};
  task.totals = total_qp.data();
  task.sums = across.data();
  task.matrix = matrix.data();
  run(task, profile.scaled(weight_cross));
  emulator::launch(
      grid(blocks(n * K, 64)), line, cuda::finish_gradient<T>, q.data(), n * K, within.data(),
      segments, across.data(), segments, grad_q.data());
  T value;
  const cuda::Totals all{
      {total_qq.data(), total_pp.data(), total_qp.data()},
      {int64_t(total_qq.size()), int64_t(total_pp.size()), int64_t(total_qp.size())},
      {weight_q, weight_p, weight_cross}};
  emulator::launch(grid(1), square, cuda::finish_value<T>, all, &value);
  harness::expect_near("cuda mmd", value, expected, harness::tolerance<T>());
  expect_all("cuda mmd gradient", grad_q, expected_q);
  expect_all("cuda kernel", matrix, expected_matrix);

  diffusion_kernels<T>()
      .backward(problem, grad.data(), expected_q.data(), expected_p.data(), pool);
  for (const bool is_q : {true, false}) {
    const int64_t own = is_q ? n : m;
    std::vector<T> sums(segments * own * K), out(own * K);
    task = {is_q ? q.data() : p.data(), is_q ? p.data() : q.data(), own, is_q ? m : n, K};
    task.weight = grad.data();
    task.own_step = is_q ? m : 1;
    task.other_step = is_q ? 1 : m;
    task.sums = sums.data();
    run(task, profile);
    emulator::launch(
        grid(blocks(own * K, 64)), line, cuda::finish_gradient<T>, is_q ? q.data() : p.data(),
        own * K, sums.data(), segments, static_cast<const T*>(nullptr), int64_t(0), out.data());
    expect_all("cuda kernel gradient", out, is_q ? expected_q : expected_p);
  }
}

template <class T>
struct Gradient {
  Gradient(int64_t C, int64_t L, int64_t columns)
      : loc(C * L), log_var(C * columns), log_weight(C) {}
  MixtureGradients<T> with(std::vector<T>& z) {
    return {z.data(), loc.data(), log_var.data(), log_weight.data()};
  }
  std::vector<T> loc, log_var, log_weight;
};

template <class T>
void check_mixture(int64_t B, int64_t L, int64_t C, bool isotropic, int64_t segments) {
  const int64_t columns = isotropic ? 1 : L;
  const auto z = harness::normal<T>(B * L, 1), loc = harness::normal<T>(C * L, 2);
  const auto log_var = harness::normal<T>(C * columns, 3);
  const auto log_weight = harness::log_softmax(harness::normal<T>(C, 4), C);
  const auto mean = harness::normal<T>(B * L, 5), spread = harness::normal<T>(B * L, 6);
  const auto grad = harness::normal<T>(B, 7), grad_shares = harness::normal<T>(B * C, 8);
  const auto grad_two = harness::normal<T>(B, 9), grad_three = harness::normal<T>(B, 10);
  const Mixture<T> mixture{loc.data(), log_var.data(), log_weight.data(), C, L, columns};
  const Posterior<T> posterior{mean.data(), spread.data(), z.data(), B};
  const Pool pool = harness::pool(1);
  const MixtureFunctions<T>& cpu = mixture_kernels<T>();

  std::vector<T> precision(C * L), log_norm(C), near(B * C), far(B * C);
  const cuda::Components<T> mix{loc.data(), log_var.data(), log_weight.data(), C,
                                L, columns, precision.data(), log_norm.data()};
  emulator::launch(grid(blocks(C, 64)), line, cuda::prepare<T>, mix);
  const T* none = nullptr;
  T* nowhere = nullptr;
  auto distances = [&](const std::vector<T>& x, const T* variance, std::vector<T>& out) {
    emulator::launch(
        grid(blocks(B, cuda::kTile<T>), blocks(C, cuda::kTile<T>)), square, cuda::distances<T>,
        mix, x.data(), variance, B, out.data());
  };
  auto points_gradient = [&](const std::vector<T>& weights, const std::vector<T>& x,
                             std::vector<T>& out, const T* variance, T* out_variance) {
    emulator::launch(
        grid(blocks(B, cuda::kTile<T>), blocks(L, cuda::kTile<T>)), square,
        cuda::points_gradient<T>, mix, weights.data(), x.data(), B, out.data(), variance,
        grad.data(), out_variance);
  };
  std::vector<T> memory;
  cuda::MomentSums<T> sums;
  auto clear = [&] {
    memory.assign(segments * C * (2 * L + 1), T(0));
    sums = {memory.data(), memory.data() + segments * C, memory.data() + segments * C * (1 + L)};
  };
  auto moments = [&](const std::vector<T>& weights, const std::vector<T>& x, const T* variance) {
    emulator::launch(
        grid(blocks(C, cuda::kTile<T>), blocks(L, cuda::kTile<T>), segments), square,
        cuda::add_moments<T>, mix, weights.data(), x.data(), variance, B, sums);
  };
  auto expect_own = [&](const char* what, const Gradient<T>& expected) {
    Gradient<T> came(C, L, columns);
    emulator::launch(
        grid(blocks(C, 64)), line, cuda::finish_moments<T>, mix, sums, segments, came.loc.data(),
        came.log_var.data(), came.log_weight.data());
    expect_all(what, came.loc, expected.loc);
    expect_all(what, came.log_var, expected.log_var);
    expect_all(what, came.log_weight, expected.log_weight);
  };

  // log p(z) and the responsibilities, forward
  std::vector<T> expected_log_prob(B), expected_shares(B * C), log_prob(B), shares(B * C);
  cpu.log_prob(mixture, z.data(), B, expected_log_prob.data(), nullptr, pool);
  cpu.responsibilities(mixture, z.data(), B, expected_shares.data(), pool);
  distances(z, none, near);
  emulator::launch(
      grid(B), square, cuda::rows_forward<T>, mix, near.data(), none, none, log_prob.data(),
      shares.data(), nowhere, nowhere);
  expect_all("cuda log p", log_prob, expected_log_prob);
  expect_all("cuda shares", shares, expected_shares);

  // log p(z), backward
  std::vector<T> expected_z(B * L), grad_z(B * L);
  Gradient<T> expected(C, L, columns);
  cpu.log_prob_backward(
      mixture, z.data(), B, grad.data(), log_prob.data(), expected.with(expected_z),
      pool);
  emulator::launch(
      grid(blocks(B * C, 64)), line, cuda::log_prob_weights<T>, mix, B, grad.data(),
      log_prob.data(), near.data());
  points_gradient(near, z, grad_z, none, nowhere);
  expect_all("cuda log p, z", grad_z, expected_z);
  clear();
  moments(near, z, none);
  expect_own("cuda log p, mixture", expected);

  // responsibilities, backward
  cpu.responsibilities_backward(
      mixture, z.data(), B, grad_shares.data(), shares.data(),
      expected.with(expected_z), pool);
  emulator::launch(
      grid(B), square, cuda::share_weights<T>, C, grad_shares.data(), shares.data(), near.data());
  points_gradient(near, z, grad_z, none, nowhere);
  expect_all("cuda shares, z", grad_z, expected_z);
  clear();
  moments(near, z, none);
  expect_own("cuda shares, mixture", expected);

  // the bound, forward and backward
  std::vector<T> expected_bound(B), expected_gap(B), bound(B), gap(B);
  cpu.kl_bound(
      mixture, posterior, {expected_bound.data(), expected_log_prob.data(), expected_gap.data()},
      pool);
  distances(z, none, near);
  distances(mean, spread.data(), far);
  emulator::launch(
      grid(B), square, cuda::rows_forward<T>, mix, near.data(), far.data(), spread.data(),
      log_prob.data(), nowhere, gap.data(), bound.data());
  expect_all("cuda bound", bound, expected_bound);
  expect_all("cuda gap", gap, expected_gap);
  std::vector<T> expected_mean(B * L), expected_spread(B * L), grad_mean(B * L), grad_spread(B * L);
  cpu.kl_bound_backward(
      mixture, posterior, {grad.data(), grad_two.data(), grad_three.data()}, log_prob.data(),
      gap.data(), expected_mean.data(), expected_spread.data(),
      expected.with(expected_z), pool);
  emulator::launch(
      grid(blocks(B * C, 64)), line, cuda::bound_weights<T>, mix, B, grad.data(), grad_two.data(),
      grad_three.data(), log_prob.data(), gap.data(), near.data(), far.data());
  points_gradient(near, z, grad_z, none, nowhere);
  points_gradient(far, mean, grad_mean, spread.data(), grad_spread.data());
  expect_all("cuda bound, z", grad_z, expected_z);
  expect_all("cuda bound, loc", grad_mean, expected_mean);
  expect_all("cuda bound, log_var", grad_spread, expected_spread);
  clear();
  moments(near, z, none);
  moments(far, mean, spread.data());
  expect_own("cuda bound, mixture", expected);
}

const harness::Check check([] {
  check_diffusion<float>(2, 3, 1, 1.0, true, 1);
  check_diffusion<float>(70, 130, 20, 1.0, true, 2);
  check_diffusion<double>(35, 33, 37, 0.02, false, 2);
  check_mixture<float>(1, 1, 1, true, 1);
  check_mixture<float>(70, 5, 67, false, 3);
  check_mixture<double>(35, 37, 33, true, 2);
});

}  // namespace

#endif
