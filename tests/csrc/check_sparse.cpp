#include "harness.h"
#include "ops/product_multinomial_nll.h"
#include "ops/sparse_linear.h"
#include "ops/sparse_multinomial_nll.h"

namespace {

using namespace topicforge;
using Results = std::vector<std::vector<double>>;

// Every third document empty, the others with about a third of the words, each word once.
template <class T>
struct Counts {
  std::vector<int64_t> crow{0}, col;
  std::vector<T> value;

  Counts(int64_t documents, int64_t words) {
    std::mt19937 generator(11);
    for (int64_t b = 0; b < documents; ++b) {
      for (int64_t v = 0; v < words && b % 3 != 1; ++v) {
        if (generator() % 3 != 0) continue;
        col.push_back(v);
        value.push_back(static_cast<T>(1 + generator() % 4));
      }
      crow.push_back(static_cast<int64_t>(col.size()));
    }
    col.shrink_to_fit();
    value.shrink_to_fit();
  }
  SparseRows<T> rows(int64_t words) const {
    return {
        crow.data(), col.data(), value.data(), static_cast<int64_t>(crow.size()) - 1,
        static_cast<int64_t>(col.size()), words};
  }
};

template <class T>
std::vector<T> probabilities(int64_t rows, int64_t columns, unsigned seed) {
  std::vector<T> x = harness::log_softmax(harness::normal<T>(rows * columns, seed), columns);
  for (T& value : x) value = std::exp(value);
  return x;
}

template <class T>
void keep(Results& all, const std::vector<T>& x) {
  all.emplace_back(x.begin(), x.end());
}

// All outputs of all functions, in one order.
template <class T>
Results everything(int64_t B, int64_t V, int64_t K, const Pool& pool) {
  const Counts<T> counts(B, V);
  const SparseRows<T> x = counts.rows(V);
  const auto theta = probabilities<T>(B, K, 1), beta = probabilities<T>(V, K, 2);
  const auto weight = harness::normal<T>(V * K, 3), bias = harness::normal<T>(V, 4);
  const auto narrow = harness::normal<T>(K, 5), grad = harness::normal<T>(B, 6);
  const auto wide = harness::normal<T>(B * K, 7);
  Results all;

  std::vector<T> p(counts.col.size()), nll(B), grad_theta(B * K), grad_beta(V * K);
  const auto mixture = sparse_multinomial_nll_kernels<T>();
  mixture.forward(x, theta.data(), beta.data(), K, p.data(), nll.data(), pool);
  mixture.backward(
      x, grad.data(), p.data(), theta.data(), beta.data(), K, grad_theta.data(), grad_beta.data(),
      pool);
  for (const auto& one : {nll, grad_theta, grad_beta}) keep(all, one);

  std::vector<T> log_sum_exp(B), grad_bias(V);
  const auto product = product_multinomial_nll_kernels<T>();
  const ProductProblem<T> problem{x, theta.data(), weight.data(), bias.data(), K};
  product.forward(problem, nll.data(), log_sum_exp.data(), pool);
  product.backward(
      problem, grad.data(), log_sum_exp.data(), grad_theta.data(), grad_beta.data(),
      grad_bias.data(), pool);
  for (const auto& one : {nll, log_sum_exp, grad_theta, grad_beta, grad_bias}) keep(all, one);
  product.backward(
      problem, grad.data(), log_sum_exp.data(), nullptr, nullptr, grad_bias.data(), pool);
  keep(all, grad_bias);

  std::vector<T> out(B * K), grad_value(counts.col.size()), grad_weight(V * K), grad_narrow(K);
  const auto linear = sparse_linear_kernels<T>();
  linear.forward(x, weight.data(), narrow.data(), K, out.data(), pool);
  linear.backward(
      x, wide.data(), weight.data(), K, grad_value.data(), grad_weight.data(), grad_narrow.data(),
      pool);
  for (const auto& one : {out, grad_value, grad_weight, grad_narrow}) keep(all, one);

  // The likelihoods once more, from their definitions.
  for (int64_t b = 0; b < B; ++b) {
    double sum = 0.0, mixed = 0.0, multiplied = 0.0;
    auto logit = [&](int64_t v) {
      double h = bias[v];
      for (int64_t k = 0; k < K; ++k) h += double(weight[v * K + k]) * theta[b * K + k];
      return h;
    };
    for (int64_t v = 0; v < V; ++v) sum += std::exp(logit(v));
    for (int64_t i = counts.crow[b]; i < counts.crow[b + 1]; ++i) {
      double probability = 0.0;
      for (int64_t k = 0; k < K; ++k) {
        probability += double(theta[b * K + k]) * beta[counts.col[i] * K + k];
      }
      mixed -= counts.value[i] * std::log(probability);
      multiplied += counts.value[i] * (std::log(sum) - logit(counts.col[i]));
    }
    harness::expect_near("mixture likelihood", all[0][b], mixed, harness::tolerance<T>());
    harness::expect_near("product likelihood", nll[b], multiplied, harness::tolerance<T>());
  }
  return all;
}

template <class T>
void check_type() {
  constexpr int64_t sizes[][3] = {{0, 5, 3},   {1, 1, 1},    {7, 13, 2},  {35, 50, 17},
                                  {70, 97, 50}, {20, 310, 130}, {5, 40, 300}};
  for (const auto& size : sizes) {
    const Results first = everything<T>(size[0], size[1], size[2], harness::pool(1));
    for (int64_t threads : {2, 5}) {
      const Results other = everything<T>(size[0], size[1], size[2], harness::pool(threads));
      for (size_t i = 0; i < first.size(); ++i) {
        harness::expect_same("another number of threads", other[i], first[i]);
      }
    }
  }
}

void check() {
  check_type<float>();
  check_type<double>();
}

const harness::Check registered(check);

}  // namespace
