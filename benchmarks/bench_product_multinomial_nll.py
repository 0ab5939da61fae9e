"""Likelihood of sparse counts under the product decoder, forward and backward, float32."""

from collections.abc import Callable

import pytest
import torch
from baselines import compiled, generator, same, step
from sparse_batch import batch, dense
from torch import Tensor

from topicforge.ops import product_multinomial_nll

K = 50
TARGETS = {5_000: None, 50_000: 2.0}


@pytest.mark.parametrize("contender", ["native", "dense", "dense, torch.compile", "reference"])
@pytest.mark.parametrize("V", TARGETS)
def bench_nll(race: Callable[..., None], V: int, contender: str, B: int = 1024) -> None:
    counts, source = batch(B, V), generator(1)
    theta = torch.softmax(torch.randn(B, K, generator=source), 1)
    weight, bias = (torch.randn(*shape, generator=source) for shape in ((V, K), (V,)))
    leaves = [x.requires_grad_() for x in (theta, weight, bias)]
    x = dense(counts, V) if contender.startswith("dense") else None

    def form(theta: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return -(x * torch.log_softmax(torch.addmm(bias, theta, weight.T), 1)).sum(1)

    functions = {
        "native": lambda *t: product_multinomial_nll(*counts, *t, impl="native"),
        "dense": form,
        "dense, torch.compile": compiled(form),
        "reference": lambda *t: product_multinomial_nll(*counts, *t, impl="reference"),
    }
    run, native = step(functions[contender], leaves), step(functions["native"], leaves)
    race(
        f"log-sum-exp likelihood, B = {B}, V = {V}, K = {K}, forward + backward",
        contender,
        run,
        lambda: same(native, run, 1e-5),
        TARGETS.get(V) if contender.startswith("dense") else None,
        # Logits forward and again backward, and the gradients of theta and the weight.
        4 * 2.0 * B * V * K if contender == "native" else None,
    )
