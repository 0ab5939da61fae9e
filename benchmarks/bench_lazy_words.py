"""Decoder embedding, forward and backward: a gradient of all words against one of the batch's words.

The value and the gradient of theta are compared first; the gradients of the vectors differ by
definition (``tests/decoders/test_lazy_words.py`` says how their sums agree). The floor is one
product of all word with all topic vectors, which the exact normaliser can't do without. Words are
drawn evenly, so that 23 % of 50,000 are in the batch; of 5,000 nearly all are, and the lazy form is
the slower one.
"""

from collections.abc import Callable

import pytest
import torch
from baselines import generator, same
from sparse_batch import batch
from torch import Tensor

from topicforge.contracts import Batch, Context
from topicforge.parts.decoders import EmbeddingDecoder

K, E = 50, 300
#: how many times slower than the lazy form the exact one must at least be
TARGETS = {5_000: None, 50_000: 2.0}


@pytest.mark.parametrize("contender", ["native", "exact"])
@pytest.mark.parametrize("V", TARGETS)
def bench_decoder(race: Callable[..., None], V: int, contender: str, B: int = 200) -> None:
    crow, col, count = batch(B, V)
    documents = Batch(crow, col, count, V)
    theta = torch.rand(B, K, generator=generator(1)).softmax(1).requires_grad_()

    def step(lazy: bool) -> Callable[[], list[Tensor]]:
        torch.manual_seed(0)
        context = Context(vocab_size=V, n_topics=K, n_latent=K)
        decoder = EmbeddingDecoder(context, width=E, lazy_words=lazy)
        decoder.use_row_gradients(lazy)

        def run() -> list[Tensor]:
            theta.grad = None
            decoder.zero_grad(set_to_none=True)
            value = decoder.log_likelihood(theta, documents)
            value.sum().backward()
            assert theta.grad is not None
            return [value.detach(), theta.grad]

        return run

    run, lazy = step(contender == "native"), step(True)
    race(
        f"decoder embedding, B = {B} of 65 words, V = {V}, E = {E}, K = {K}, forward + backward",
        contender,
        run,
        lambda: same(lazy, run, 1e-5),
        TARGETS[V] if contender == "exact" else None,
        2.0 * V * K * E if contender == "native" else None,
    )
