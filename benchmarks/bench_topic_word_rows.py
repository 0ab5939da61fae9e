"""ETM's topics at the words of a batch over word vectors that stand still, forward and backward.

V = 50,000 words of width E = 200, K = 50 topics, 5,700 words in the batch, float32. Contender:
torch's softmax of all logits with autograd. The floor is that of two products, 4 V E K
operations, at the rate of torch's product of large matrices.
"""

from collections.abc import Callable

import pytest
import torch
from baselines import generator
from table import matrix_rate
from torch import Tensor

from topicforge.ops import topic_word_rows

V, K, E, R = 50_000, 50, 200, 5_700
#: how many times slower than the native operator each must at least be
CONTENDERS = {"native": None, "torch": 1.8}
# float32 sums of E products in each logit
TOLERANCE = 1e-4


def value(contender: str, weight: Tensor, topic: Tensor, word: Tensor) -> Tensor:
    if contender == "torch":
        return torch.softmax(topic @ weight.T, 1)[:, word].T
    return topic_word_rows(weight, topic, word, impl="native")


def run(contender: str, weight: Tensor, topic: Tensor, word: Tensor) -> list[Tensor]:
    came = value(contender, weight, topic, word)
    (grad,) = torch.autograd.grad(came.square().sum() * V**2, topic)
    return [came.detach(), grad]


@pytest.mark.parametrize("contender", CONTENDERS)
def bench_rows(race: Callable[..., None], contender: str) -> None:
    source = generator(0)
    weight = torch.randn(V, E, generator=source)
    topic = (torch.randn(K, E, generator=source) * E**-0.5).requires_grad_()
    word = torch.randperm(V, generator=source)[:R].sort().values

    def check() -> None:
        wide = run("torch", weight.double(), topic.detach().double().requires_grad_(), word)
        for came, expected in zip(run(contender, weight, topic, word), wide, strict=True):
            scale = float(expected.abs().max())
            assert float((came - expected).abs().max()) < TOLERANCE * scale

    race(
        f"softmax over {V} words x {E} of {K} topics, at {R} of them",
        contender,
        lambda: run(contender, weight, topic, word),
        check,
        CONTENDERS[contender],
        floor=4 * V * E * K / matrix_rate() if contender == "native" else None,
        floor_of="two products",
    )
