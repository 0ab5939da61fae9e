"""The encoders' sparse first layer, forward and backward for weight and bias, float32."""

from collections.abc import Callable

import pytest
import torch
from baselines import compiled, generator, same, step
from sparse_batch import batch, dense
from torch import Tensor
from torch.nn import functional as F

from topicforge.ops import sparse_linear

TARGETS = {(5_000, 800): 1.5, (50_000, 256): 4.0}
CONTENDERS = ["native", "native, sparse gradient", "embedding_bag", "torch.sparse", "dense"]


@pytest.mark.parametrize("contender", CONTENDERS)
@pytest.mark.parametrize(("V", "H"), TARGETS)
def bench_layer(race: Callable[..., None], V: int, H: int, contender: str, B: int = 1024) -> None:
    counts, source = batch(B, V), generator(1)
    crow, col, value = counts
    weight, bias = (torch.randn(*shape, generator=source) for shape in ((V, H), (H,)))
    leaves = [weight.requires_grad_(), bias.requires_grad_()]
    mixture = torch.randn(B, H, generator=source)  # what arrives from above is not all ones
    x = dense(counts, V) if contender == "dense" else None
    rows = torch.sparse_csr_tensor(*counts, (B, V)) if contender == "torch.sparse" else None

    def bag(weight: Tensor, bias: Tensor) -> Tensor:
        return bias + F.embedding_bag(
            col, weight, crow, mode="sum", per_sample_weights=value, include_last_offset=True
        )

    def layer(*t: Tensor, sparse: bool = False) -> Tensor:
        return sparse_linear(*counts, *t, impl="native", sparse_grad=sparse)

    functions = {
        "native": layer,
        "native, sparse gradient": lambda *t: layer(*t, sparse=True),
        "embedding_bag": bag,
        "torch.compile": compiled(bag),
        "torch.sparse": lambda weight, bias: rows @ weight + bias,
        "dense": lambda weight, bias: torch.addmm(bias, x, weight),
    }

    def timed(name: str) -> Callable[[], list[Tensor]]:
        return step(lambda *t: functions[name](*t) * mixture, leaves)

    run, native = timed(contender), timed("native")
    race(
        f"sparse first layer, B = {B} of 65 words, V = {V}, H = {H}, forward + backward",
        contender,
        run,
        lambda: same(native, lambda: [g.to_dense() for g in run()], 1e-5),
        None if contender.startswith("native") else TARGETS.get((V, H)),
    )
