// Calls two operators of the library from C++, compares them with their formulas and times both:
// `operators LIBRARY.so`. The library is the one that `topicforge kernels` names.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <dlfcn.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <iostream>

namespace {

using at::Tensor;

template <class Function>
auto operator_of(const char* name) {
  return c10::Dispatcher::singleton().findSchemaOrThrow(name, "").typed<Function>();
}

// Median of 21 runs, in milliseconds.
template <class Run>
double milliseconds(const Run& run) {
  std::vector<double> times;
  for (int i = 0; i < 21; ++i) {
    const auto start = std::chrono::steady_clock::now();
    run();
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    times.push_back(taken.count());
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

template <class Run, class Formula>
bool compare(const char* name, double tolerance, const Run& run, const Formula& formula) {
  const double apart = (run() - formula()).abs().max().template item<double>();
  std::printf(
      "%-17s apart %.1e  operator %.3f ms  formula %.3f ms\n", name, apart, milliseconds(run),
      milliseconds(formula));
  return apart <= tolerance;
}

int run(const char* library) {
  if (dlopen(library, RTLD_NOW | RTLD_GLOBAL) == nullptr) {
    std::cerr << "operators: " << dlerror() << '\n';
    return 1;
  }
  at::set_num_threads(1);
  at::manual_seed(0);
  const int64_t B = 256, K = 50, C = 50, L = 50;

  // k(q_i, p_j) = exp(-arccos^2(sum_k sqrt(q_ik p_jk)) / t)
  const auto kernel = operator_of<Tensor(const Tensor&, const Tensor&, double)>("topicforge::diffusion_kernel");
  const Tensor log_q = at::log_softmax(at::randn({B, K}), -1), log_p = at::log_softmax(at::randn({B, K}), -1);
  bool right = compare(
      "diffusion_kernel", 1e-5, [&] { return kernel.call(log_q, log_p, 1.0); },
      [&] {
        const Tensor affinity = at::matmul((0.5 * log_q).exp(), (0.5 * log_p).exp().t());
        return (-affinity.clamp_max(1.0).acos().square()).exp();
      });

  // log p(z_b) = log sum_c pi_c N(z_b; mu_c, diag(sigma^2_c))
  const auto log_prob =
      operator_of<Tensor(const Tensor&, const Tensor&, const Tensor&, const Tensor&)>("topicforge::mixture_log_prob");
  const Tensor z = at::randn({B, L}), loc = at::randn({C, L}), log_var = 0.1 * at::randn({C, L});
  const Tensor log_weight = at::log_softmax(at::randn({C}), 0);
  right &= compare(
      "mixture_log_prob", 1e-3, [&] { return log_prob.call(z, loc, log_var, log_weight); },
      [&] {
        const Tensor distance = ((z.unsqueeze(1) - loc).square() * (-log_var).exp()).sum(-1);
        const Tensor log_density = -0.5 * (distance + log_var.sum(-1) + L * std::log(2 * M_PI));
        return at::logsumexp(log_density + log_weight, {-1});
      });
  return right ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: operators LIBRARY.so\n";
    return 2;
  }
  try {
    return run(argv[1]);
  } catch (const std::exception& error) {
    std::cerr << "operators: " << error.what() << '\n';
    return 1;
  }
}
