"""Random numbers that belong to documents, whichever process holds them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from topicforge.distributed.collectives import gather, require_rows
from topicforge.distributed.share import current

#: numbers that one seed gives: many, so that seeding costs nothing beside them, and few enough that every
#: process draws little of what is others'
_BLOCK = 2**16


def batch_randn(
    shape: Sequence[int], like: Tensor, *, entries: bool = False, dim: int = 0
) -> Tensor:
    """Standard normal numbers, the rows of this process out of the batch's.

    Args:
        shape: ``shape[dim]`` is the number of this process' documents.
        like: gives type and device.
        entries: ``shape[dim]`` is the number of entries (document, word, count) instead.
        dim: dimension of the documents.

    Returns:
        ``shape``; where this process works alone, up to 65,536 numbers are ``torch.randn(shape)``.

    Raises:
        InputError: ``shape[dim]`` is another number.
    """
    return _own_rows("batch_randn", torch.randn, shape, like, entries, dim)


def batch_rand(
    shape: Sequence[int], like: Tensor, *, entries: bool = False, dim: int = 0
) -> Tensor:
    """Numbers uniform on [0, 1), otherwise as :func:`batch_randn`.

    Args:
        shape: ``shape[dim]`` is the number of this process' documents.
        like: gives type and device.
        entries: ``shape[dim]`` is the number of entries (document, word, count) instead.
        dim: dimension of the documents.

    Returns:
        ``shape``; where this process works alone, up to 65,536 numbers are ``torch.rand(shape)``.

    Raises:
        InputError: ``shape[dim]`` is another number.
    """
    return _own_rows("batch_rand", torch.rand, shape, like, entries, dim)


def batch_dropout(x: Tensor, p: float, *, entries: bool = False) -> Tensor:
    """Return x_ij m_ij / (1 - p), m_ij = 1 with probability 1 - p, else 0 (Srivastava et al. 2014).

    Args:
        x: (own documents, ...).
        p: share dropped, in [0, 1].
        entries: x is (own entries, ...) instead.

    Returns:
        The shape of x.

    Raises:
        InputError: x has not a row for each of this process' documents (entries).
    """
    if p == 0:
        return x
    with torch.no_grad():
        if x.device.type == "cpu":
            mask = _mask_of_bits(x, p, entries)
        else:
            # single precision at least: a threshold among the few numbers of bfloat16 is another p
            like = x if x.dtype.itemsize >= 4 else x.new_empty((), dtype=torch.float32)
            keep = batch_rand(x.shape, like, entries=entries) >= p
            mask = keep.to(x.dtype).mul_(1 / (1 - p) if p < 1 else 0.0)
    return x * mask


def _mask_of_bits(x: Tensor, p: float, entries: bool) -> Tensor:
    """Sixteen random bits a value, four values of a drawn number: a sixth of a uniform's time.

    p is rounded to a multiple of 2^-16, in the factor 1 / (1 - p) too, so that the mean stays 1.
    """
    dropped = round(p * 2**16)
    if dropped >= 2**16:
        return torch.zeros_like(x)
    bits = _own_rows("batch_dropout", _sixteen_bits, x.shape, x, entries, 0)
    return (bits >= dropped - 2**15).to(x.dtype).mul_(2**16 / (2**16 - dropped))


def _sixteen_bits(
    shape: tuple[int, ...], generator: torch.Generator | None = None, **_: Any
) -> Tensor:
    """All numbers from -2^15 to 2^15 - 1 with equal chance, int16."""
    n = math.prod(shape)
    whole = torch.empty((n + 3) // 4, dtype=torch.int64)
    whole.random_(-(2**63), None, generator=generator)
    return whole.view(torch.int16)[:n].view(shape)


def batch_gamma(concentration: Tensor, n: int | None = None) -> Tensor:
    """Gamma(a, 1) for each of this process' documents, with gradients to a.

    torch draws by rejection, and how many numbers one value takes depends on its a. So every
    process draws for the concentrations of all documents: they are gathered.

    Args:
        concentration: (own documents, K) a > 0.
        n: draws of each; ``None`` for one without a dimension for it.

    Returns:
        (own documents, K) or (n, own documents, K); where this process works alone, torch's own.
        Gradients by implicit reparameterisation (Figurnov et al. 2018, eq. 5).

    Raises:
        InputError: not a row for each of this process' documents.
        TrainingError: another process is gone.
    """
    share = current()
    own = concentration if n is None else concentration.expand(n, *concentration.shape)
    if share is None:
        return torch._standard_gamma(own)
    with torch.no_grad():
        a = gather(concentration)
        drawn = torch._standard_gamma(a if n is None else a.expand(n, *a.shape))
        drawn = drawn[..., share.own_documents, :]
    result: Tensor = _ImplicitGamma.apply(own, drawn)  # type: ignore[no-untyped-call]
    return result


def batch_draws(draw: Callable[[int], Tensor], n: int) -> Tensor:
    """One draw for each document from something that all documents have in common, a prior.

    Args:
        draw: number of rows -> that many independent draws, as ``prior.rsample``.
        n: number of this process' documents.

    Returns:
        (n, ...): the own rows of ``draw(B)``; where this process works alone, ``draw(n)``.

    Raises:
        InputError: n is another number.
    """
    share = current()
    if share is None:
        return draw(n)
    require_rows("batch_draws", (n,), share.documents[share.rank], "documents")
    return draw(share.n_documents)[share.own_documents]


def _own_rows(
    where: str,
    draw: Callable[..., Tensor],
    shape: Sequence[int],
    like: Tensor,
    entries: bool,
    dim: int,
) -> Tensor:
    """What is drawn for the own rows; a block of rows has a seed of its own, so others' are not drawn.

    A draw of one block, and any on a GPU or in a compiled network, is one draw for all rows.
    """
    share = current()
    if share is None:
        n, own = shape[dim], slice(0, shape[dim])
    else:
        if entries:
            counts, own, what = share.entries, share.own_entries, "entries"
        else:
            counts, own, what = share.documents, share.own_documents, "documents"
        require_rows(where, shape[dim:], counts[share.rank], what)
        n = sum(counts)
    before, after = tuple(shape[:dim]), tuple(shape[dim + 1 :])
    kind: dict[str, Any] = {"dtype": like.dtype, "device": like.device}
    block = max(1, _BLOCK // max(1, math.prod(before) * math.prod(after)))
    if n <= block or like.device.type != "cpu" or torch.compiler.is_compiling():
        return draw((*before, n, *after), **kind).narrow(dim, own.start, own.stop - own.start)
    seeds = torch.randint(2**63 - 1, (-(-n // block),)).tolist()
    source = torch.Generator()
    parts = [draw((*before, 0, *after), **kind)]
    for first in range(own.start // block * block, own.stop, block):
        source.manual_seed(seeds[first // block])
        drawn = draw((*before, min(block, n - first), *after), generator=source, **kind)
        begin, end = max(own.start - first, 0), min(own.stop - first, drawn.shape[dim])
        parts.append(drawn.narrow(dim, begin, end - begin))
    return torch.cat(parts, dim)


class _ImplicitGamma(torch.autograd.Function):
    """The drawn values, with d value / d a = -(dF/da) / f, as torch's own sampler has it."""

    @staticmethod
    def forward(ctx: Any, concentration: Tensor, drawn: Tensor) -> Tensor:
        ctx.save_for_backward(concentration, drawn)
        return drawn.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * torch._standard_gamma_grad(*ctx.saved_tensors), None
