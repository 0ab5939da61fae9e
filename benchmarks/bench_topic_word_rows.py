"""ETM's topics at the words of a batch over fixed word vectors, forward and backward, float32."""

from collections.abc import Callable, Iterator
from functools import partial

import torch
from baselines import generator
from races import Race, Setting, bench_race  # noqa: F401 (collected by pytest)
from torch import Tensor

from topicforge.ops import topic_word_rows

V, K, E, R = 50_000, 50, 200, 5_700


def races(size: str) -> Iterator[Race]:
    if size == "cpu":  # the native operator runs there alone
        yield Race(
            "topic_word_rows",
            f"softmax over {V} words x {E} of {K} topics, at {R} of them, forward + backward",
            {"native": None, "softmax of all logits": 1.8},
            setting,
            1e-4,
            4.0 * V * E * K,  # the logits, and the mean of the word vectors under the softmax
        )


def setting() -> Setting:
    source = generator(0)
    weight = torch.randn(V, E, generator=source)
    topic = torch.randn(K, E, generator=source) * E**-0.5
    word = torch.randperm(V, generator=source)[:R].sort().values

    # The sum of probabilities is nearly constant; that of their squares is not.
    def bind(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return lambda topic: function(weight, topic, word).square() * V**2

    functions = {
        "native": bind(partial(topic_word_rows, impl="native")),
        "softmax of all logits": bind(
            lambda weight, topic, word: torch.softmax(topic @ weight.T, 1)[:, word].T
        ),
    }
    return Setting([topic.requires_grad_()], functions, bind)
