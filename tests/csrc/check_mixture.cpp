#include "ops/mixture.h"

#include "harness.h"

namespace {

using namespace topicforge;

template <class T>
void check_sizes(int64_t B, int64_t L, int64_t C, bool isotropic) {
  const int64_t columns = isotropic ? 1 : L;
  const auto z = harness::normal<T>(B * L, 1), loc = harness::normal<T>(C * L, 2);
  const auto log_var = harness::normal<T>(C * columns, 3);
  const auto log_weight = harness::log_softmax(harness::normal<T>(C, 4), C);
  const auto posterior_loc = harness::normal<T>(B * L, 5);
  const auto posterior_log_var = harness::normal<T>(B * L, 6);
  const auto grad = harness::normal<T>(B, 7), grad_shares = harness::normal<T>(B * C, 8);
  const Mixture<T> mixture{loc.data(), log_var.data(), log_weight.data(), C, L, columns};
  const Posterior<T> posterior{posterior_loc.data(), posterior_log_var.data(), z.data(), B};
  std::vector<std::vector<T>> first;
  for (int64_t threads : {1, 2, 5}) {
    const Pool pool = harness::pool(threads);
    std::vector<std::vector<T>> all;
    auto make = [&](int64_t count) {
      all.emplace_back(static_cast<size_t>(count));
      return all.size() - 1;
    };
    auto gradients = [&] {
      const size_t at = make(B * L);
      make(C * L);
      make(C * columns);
      make(C);
      return MixtureGradients<T>{
          all[at].data(), all[at + 1].data(), all[at + 2].data(), all[at + 3].data()};
    };
    all.reserve(64);
    T* log_prob = all[make(B)].data();
    mixture_kernels<T>().log_prob(mixture, z.data(), B, log_prob, nullptr, pool);
    const size_t streamed = all.size();
    mixture_kernels<T>().log_prob_backward(
        mixture, z.data(), B, grad.data(), log_prob, gradients(), pool);
    T *log_prob_kept = all[make(B)].data(), *kept = all[make(C * B)].data();
    mixture_kernels<T>().log_prob(mixture, z.data(), B, log_prob_kept, kept, pool);
    const size_t from_kept = all.size();
    mixture_kernels<T>().log_prob_backward_kept(
        mixture, z.data(), B, grad.data(), 1, kept, gradients(), pool);
    for (size_t i = 0; i < 4; ++i) {
      for (size_t j = 0; j < all[streamed + i].size(); ++j) {
        harness::expect_near(
            "kept", all[from_kept + i][j], all[streamed + i][j], 10 * harness::tolerance<T>());
      }
    }
    T* shares = all[make(B * C)].data();
    mixture_kernels<T>().responsibilities(mixture, z.data(), B, shares, pool);
    mixture_kernels<T>().responsibilities_backward(
        mixture, z.data(), B, grad_shares.data(), shares, gradients(), pool);
    const BoundTerms<T*> terms{all[make(B)].data(), all[make(B)].data(), all[make(B)].data()};
    mixture_kernels<T>().kl_bound(mixture, posterior, terms, pool);
    T *grad_loc = all[make(B * L)].data(), *grad_log_var = all[make(B * L)].data();
    mixture_kernels<T>().kl_bound_backward(
        mixture, posterior, {grad.data(), grad.data(), grad.data()}, terms.log_prob, terms.gap,
        grad_loc, grad_log_var, gradients(), pool);
    for (int64_t b = 0; b < B; ++b) {
      std::vector<double> density(C);
      double total = 0.0, bound = 0.0;
      for (int64_t c = 0; c < C; ++c) {
        double sum = 0.0;
        for (int64_t l = 0; l < L; ++l) {
          const double lv = log_var[isotropic ? c : c * L + l];
          const double d = double(z[b * L + l]) - double(loc[c * L + l]);
          sum += 1.8378770664093453 + lv + d * d * std::exp(-lv);
        }
        density[c] = -0.5 * sum;
        total += std::exp(density[c] + double(log_weight[c]));
      }
      for (int64_t c = 0; c < C; ++c) {
        const double share = std::exp(density[c] + double(log_weight[c])) / total;
        harness::expect_near("share", shares[b * C + c], share, harness::tolerance<T>());
        double expected = 0.0;
        for (int64_t l = 0; l < L; ++l) {
          const double lv = log_var[isotropic ? c : c * L + l];
          const double d = double(posterior_loc[b * L + l]) - double(loc[c * L + l]);
          expected += lv + (std::exp(double(posterior_log_var[b * L + l])) + d * d) * std::exp(-lv);
        }
        bound += share * (0.5 * expected + density[c]);
      }
      bound -= std::log(total);
      for (int64_t l = 0; l < L; ++l) bound -= 0.5 * (1.0 + double(posterior_log_var[b * L + l]));
      harness::expect_near("log p", log_prob[b], std::log(total), harness::tolerance<T>());
      harness::expect_near("log p kept", log_prob_kept[b], std::log(total), harness::tolerance<T>());
      harness::expect_near("bound", terms.bound[b], bound, harness::tolerance<T>());
    }
    if (threads == 1) first = all;
    for (size_t i = 0; i < all.size(); ++i) harness::expect_same("threads", all[i], first[i]);
  }
}

template <class T>
void check_type() {
  check_sizes<T>(1, 1, 1, true);
  check_sizes<T>(0, 3, 2, false);
  check_sizes<T>(33, 7, 11, false);
  check_sizes<T>(300, 17, 52, true);
  check_sizes<T>(70, 15, 20, false);
}

const harness::Check check([] {
  check_type<float>();
  check_type<double>();
});

}  // namespace
