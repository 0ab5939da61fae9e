"""Random numbers of the built-in parts, which do not depend on the number of processes.

A fit has a generator of its own (:func:`random_from`), seeded alike on every process. Where several
processes share a batch, each draws the numbers of all its documents and keeps its own rows. Outside of a
fit, and in a compiled network, whose compiler has its own random numbers, torch's global generator serves.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from topicforge.distributed.collectives import batch_gather, require_rows
from topicforge.distributed.split import current

#: of two threads that seed the global generators one would put the other's state back
_LOCK = threading.RLock()
_GENERATORS: ContextVar[Mapping[str, torch.Generator]] = ContextVar("topicforge_generators")


@contextmanager
def random_from(generators: Mapping[str, torch.Generator]) -> Iterator[None]:
    """Let the functions of this module draw from a fit's own generators, in this thread.

    Args:
        generators: by the type of device.
    """
    token = _GENERATORS.set(generators)
    try:
        yield
    finally:
        _GENERATORS.reset(token)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Let draws in this thread repeat, and put the states of torch's global generators back.

    Args:
        seed: of all draws.
        device: on which they are made.
    """
    own = torch.Generator(device).manual_seed(seed)
    devices = [device] if device.type == "cuda" else []
    with _LOCK, torch.random.fork_rng(devices), random_from({device.type: own}):
        torch.default_generator.manual_seed(seed)
        for cuda in devices:
            torch.cuda.default_generators[cuda.index or 0].manual_seed(seed)
        yield


def generator(device: torch.device) -> torch.Generator | None:
    """Return the fit's generator of a device; ``None`` for torch's global one."""
    if torch.compiler.is_compiling():
        return None
    return _GENERATORS.get({}).get(device.type)


def randn(shape: Sequence[int], like: Tensor, dim: int | None = 0) -> Tensor:
    """Standard normal numbers.

    Args:
        shape: ``shape[dim]`` is the number of this process' documents.
        like: gives type and device.
        dim: dimension of the documents; ``None`` for numbers that are no documents', the same on every
            process.

    Raises:
        InputError: ``shape[dim]`` is another number.
    """
    return _drawn(torch.randn, "randn", shape, like.dtype, like.device, dim)


def rand(shape: Sequence[int], like: Tensor, dim: int | None = 0) -> Tensor:
    """Numbers uniform on [0, 1), otherwise as :func:`randn`."""
    return _drawn(torch.rand, "rand", shape, like.dtype, like.device, dim)


def dropout(x: Tensor, p: float, *, entries: bool = False) -> Tensor:
    """Return x_ij m_ij / (1 - p), m_ij = 1 with probability 1 - p, else 0 (Srivastava et al. 2014).

    Args:
        x: (own documents, ...).
        p: share of x that is dropped, in [0, 1].
        entries: x is (own entries, ...) instead.

    Returns:
        The shape of x.

    Raises:
        InputError: x does not have one row per document (entry) of this process.
    """
    if p in (0, 1) or torch.compiler.is_compiling():
        return F.dropout(x, p)
    # a third of the time of torch's own Bernoulli draws; single precision at least, since a threshold
    # among the few numbers of bfloat16 is another p
    wide = torch.promote_types(x.dtype, torch.float32)
    what = "entries" if entries else "documents"
    keep = _drawn(torch.rand, "dropout", x.shape, wide, x.device, 0, what) >= p
    return x * keep.to(x.dtype).mul_(1 / (1 - p))


def gamma(concentration: Tensor, n: int | None = None) -> Tensor:
    """Gamma(a, 1) of this process' documents, with gradients to a.

    torch draws by rejection, and how many numbers one value takes depends on its a. So every
    process draws for the concentrations of all documents, which are gathered.

    Args:
        concentration: (own documents, K) a > 0.
        n: draws of each; ``None`` for one without a dimension for it.

    Returns:
        (own documents, K) or (n, own documents, K). Gradients by implicit reparameterisation
        (Figurnov et al. 2018, eq. 5), torch's own.

    Raises:
        InputError: concentration does not have one row per document of this process.
        TrainingError: another process is gone.
    """
    a = batch_gather(concentration)
    drawn = torch._standard_gamma(
        a if n is None else a.expand(n, *a.shape), generator=generator(a.device)
    )
    split = current()
    return drawn if split is None else drawn[..., split.rows()[1], :]


def prior_draws(draw: Callable[[int], Tensor], n: int) -> Tensor:
    """One draw per document of this process from a prior, which all documents have in common.

    Args:
        draw: number of rows -> that many independent draws, as ``prior.rsample``.
        n: number of this process' documents.

    Returns:
        (n, L) or (n, K): the own rows of as many draws as the batch has documents.

    Raises:
        InputError: n is another number.
    """
    split = current()
    if split is None:
        return draw(n)
    require_rows("prior_draws", (n,), split.documents[split.rank], "documents")
    everyone, own = split.rows()
    return draw(everyone)[own]


def _drawn(
    draw: Callable[..., Tensor],
    where: str,
    shape: Sequence[int],
    dtype: torch.dtype,
    device: torch.device,
    dim: int | None,
    what: str = "documents",
) -> Tensor:
    """The numbers of all processes' documents, and of these the own."""
    kind: dict[str, Any] = {"dtype": dtype, "device": device}
    if (source := generator(device)) is not None:  # a compiler takes no generator, not even None
        kind["generator"] = source
    split = current()
    if split is None or dim is None:
        return draw(shape, **kind)
    n, own = split.rows(what)
    require_rows(where, shape[dim:], own.stop - own.start, what)
    drawn = draw([*shape[:dim], n, *shape[dim + 1 :]], **kind)
    return drawn.narrow(dim, own.start, own.stop - own.start)
