#include "cpu/kernels/mixture.h"

#include "harness.h"

namespace {

using namespace topicforge;

template <class T>
const MixtureFunctions<T>& functions() {
  if constexpr (sizeof(T) == sizeof(float)) {
    return mixture_kernels().f32;
  } else {
    return mixture_kernels().f64;
  }
}

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
    auto own = [&] {
      const size_t at = make(C * L);
      make(C * columns);
      make(C);
      return MixtureGradient<T>{all[at].data(), all[at + 1].data(), all[at + 2].data()};
    };
    all.reserve(64);
    T* log_prob = all[make(B)].data();
    functions<T>().log_prob(mixture, z.data(), B, log_prob, nullptr, pool);
    T* grad_z = all[make(B * L)].data();
    functions<T>().log_prob_backward(
        mixture, z.data(), B, grad.data(), log_prob, grad_z, own(), pool);
    const size_t streamed = all.size() - 4;  // grad_z and the mixture's own, which end the list
    T *log_prob_kept = all[make(B)].data(), *kept = all[make(C * B)].data();
    functions<T>().log_prob(mixture, z.data(), B, log_prob_kept, kept, pool);
    const size_t from_kept = make(B * L);
    functions<T>().log_prob_backward_kept(
        mixture, z.data(), B, grad.data(), 1, kept, all[from_kept].data(), own(), pool);
    for (size_t i = 0; i < 4; ++i) {
      for (size_t j = 0; j < all[streamed + i].size(); ++j) {
        harness::expect_near(
            "kept", all[from_kept + i][j], all[streamed + i][j], 10 * harness::tolerance<T>());
      }
    }
    T* shares = all[make(B * C)].data();
    functions<T>().responsibilities(mixture, z.data(), B, shares, pool);
    grad_z = all[make(B * L)].data();
    functions<T>().responsibilities_backward(
        mixture, z.data(), B, grad_shares.data(), shares, grad_z, own(), pool);
    const BoundTerms<T*> terms{all[make(B)].data(), all[make(B)].data(), all[make(B)].data()};
    functions<T>().kl_bound(mixture, posterior, terms, pool);
    T *grad_loc = all[make(B * L)].data(), *grad_log_var = all[make(B * L)].data();
    grad_z = all[make(B * L)].data();
    functions<T>().kl_bound_backward(
        mixture, posterior, {grad.data(), grad.data(), grad.data()}, terms.log_prob, terms.gap,
        grad_loc, grad_log_var, grad_z, own(), pool);
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
