"""The operators on Gaussian mixtures, forward and backward for all arguments, float32."""

from collections.abc import Iterator
from functools import partial

import torch
from baselines import compiled, generator, mixture_same_family, two_products
from races import Race, Setting, bench_race  # noqa: F401 (collected by pytest)
from torch import Tensor

from topicforge.ops import mixture_kl_bound, mixture_log_prob, mixture_responsibilities

TWO, COMPILED = "two matrix products", "two matrix products, torch.compile"
SIZES = {"cpu": (1024, 50), "gpu": (8192, 50), "tiny": (16, 5)}
LOG_PROB: dict[str, dict[int, dict[str, float | None]]] = {
    "cpu": {
        50: {"MixtureSameFamily": 50.0, TWO: 2.5, COMPILED: 2.5, "reference": None},
        1000: {"MixtureSameFamily": 150.0, TWO: 1.2, COMPILED: 1.2, "reference": None},
    },
    "gpu": {C: {"MixtureSameFamily": None, TWO: None, COMPILED: 3.0} for C in (50, 1000)},
    "tiny": {3: {"MixtureSameFamily": None, TWO: None, COMPILED: None}},
}
COMPONENTS = {"cpu": 50, "gpu": 50, "tiny": 3}


def races(size: str) -> Iterator[Race]:
    B, L = SIZES[size]
    for C, contenders in LOG_PROB[size].items():
        title = f"mixture log-likelihood, B = {B}, L = {L}, C = {C}, forward + backward"
        make = partial(log_prob, B, L, C)
        yield Race("mixture_log_prob", title, {"native": None, **contenders}, make, 1e-3)
    C = COMPONENTS[size]
    contenders = {
        "native": None,
        "reference": None,
        "torch.compile": 3.0 if size == "gpu" else None,
    }
    for operator, make_setting in (
        ("mixture_kl_bound", kl_bound),
        ("mixture_responsibilities", responsibilities),
    ):
        title = f"{operator}, B = {B}, L = {L}, C = {C}, forward + backward"
        yield Race(operator, title, contenders, partial(make_setting, B, L, C), 1e-3)


def mixture(B: int, L: int, C: int) -> list[Tensor]:
    """Points z (B, L), means, log-variances (C, L) and log-weights (C,) near the origin, as leaves."""
    source = generator(0)
    z, loc, log_var, log_weight = (
        torch.randn(*shape, generator=source) for shape in ((B, L), (C, L), (C, L), (C,))
    )
    tensors = [z, loc, 0.3 * log_var, torch.log_softmax(log_weight, 0)]
    return [x.requires_grad_() for x in tensors]


def log_prob(B: int, L: int, C: int) -> Setting:
    functions = {
        "native": partial(mixture_log_prob, impl="native"),
        "MixtureSameFamily": mixture_same_family,
        TWO: two_products,
        COMPILED: compiled(two_products),
        "reference": partial(mixture_log_prob, impl="reference"),
    }
    # Categorical normalises its logits, so MixtureSameFamily's gradient for them is projected.
    comparable = {"MixtureSameFamily": lambda tensors: tensors[:4]}
    return Setting(mixture(B, L, C), functions, lambda f: f, comparable)


def kl_bound(B: int, L: int, C: int) -> Setting:
    noise = torch.randn(2, B, L, generator=generator(1))
    leaves = [x.clone().requires_grad_() for x in noise] + mixture(B, L, C)
    reference = partial(mixture_kl_bound, impl="reference")
    functions = {
        "native": partial(mixture_kl_bound, impl="native"),
        "reference": reference,
        "torch.compile": compiled(reference),
    }
    return Setting(leaves, functions, lambda f: f)


def responsibilities(B: int, L: int, C: int) -> Setting:
    # The sum of the responsibilities is constant; that of their squares is not.
    def squared(function):
        return lambda *x: function(*x).square()

    reference = squared(partial(mixture_responsibilities, impl="reference"))
    functions = {
        "native": squared(partial(mixture_responsibilities, impl="native")),
        "reference": reference,
        "torch.compile": compiled(reference),
    }
    return Setting(mixture(B, L, C), functions, squared)
