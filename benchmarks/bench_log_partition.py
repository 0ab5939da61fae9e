"""ETM's normaliser of beta over word vectors that stand still, with the gradient of the topics.

V = 50,000 words of width E = 200, K = 50 topics, float32. Contenders: torch's log-sum-exp of all
logits with autograd, and the product decoder's operator, which makes each tile of logits twice. The
floor is that of two products, 4 V E K operations, at the rate of torch's product of large matrices.
"""

from collections.abc import Callable

import pytest
import torch
from baselines import generator
from table import matrix_rate
from torch import Tensor

from topicforge.decoders.lazy_words import log_normaliser
from topicforge.ops import log_partition

V, K, E = 50_000, 50, 200
#: how many times slower than the native operator each must at least be
CONTENDERS = {"native": None, "logits twice": 1.2, "torch": 1.3}
# float32 sums of E products in each logit
TOLERANCE = 1e-4


def value(contender: str, weight: Tensor, topic: Tensor) -> Tensor:
    if contender == "torch":
        return torch.logsumexp(topic @ weight.T, 1)
    if contender == "logits twice":
        return log_normaliser(weight, topic)
    return log_partition(weight, topic, impl="native")


def run(contender: str, weight: Tensor, topic: Tensor) -> list[Tensor]:
    came = value(contender, weight, topic)
    (grad,) = torch.autograd.grad(came.sum(), topic)
    return [came.detach(), grad]


@pytest.mark.parametrize("contender", CONTENDERS)
def bench_normaliser(race: Callable[..., None], contender: str) -> None:
    source = generator(0)
    weight = torch.randn(V, E, generator=source)
    topic = (torch.randn(K, E, generator=source) * E**-0.5).requires_grad_()

    def check() -> None:
        wide = run("torch", weight.double(), topic.detach().double().requires_grad_())
        for came, expected in zip(run(contender, weight, topic), wide, strict=True):
            scale = float(expected.abs().max())
            assert float((came - expected).abs().max()) < TOLERANCE * scale

    race(
        f"log-sum-exp over {V} words x {E} of {K} topics, forward and backward",
        contender,
        lambda: run(contender, weight, topic),
        check,
        CONTENDERS[contender],
        floor=4 * V * E * K / matrix_rate() if contender == "native" else None,
        floor_of="two products",
    )
