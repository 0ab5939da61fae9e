"""Documents of a corpus, in any order, as a batch."""

import torch
from torch import Tensor

from topicforge.errors import InputError
from topicforge.ops import _library, reference

_NAME = "gather_rows"


@torch.no_grad()
def gather_rows(
    indptr: Tensor,
    indices: Tensor,
    counts: Tensor,
    rows: Tensor,
    vocab_size: int,
    impl: str = "auto",
) -> tuple[Tensor, Tensor, Tensor]:
    """Document b of the batch holds indices[indptr[r]:indptr[r + 1]] with r = rows[b].

    The corpus may be memory-mapped; only the rows asked for are read, and what a damaged file says
    of them is checked before anything is read by it.

    Args:
        indptr: (N + 1,) int64, where each document begins; rising.
        indices: (nnz,) int32 words.
        counts: (nnz,) int32 or float32.
        rows: (B,) int64 document numbers, in any order, repeats allowed.
        vocab_size: V.
        impl: "auto", "native" or "reference".

    Returns:
        crow (B + 1,) int64, col (n,) int64 and count (n,) float32, memory of their own.

    Raises:
        InputError: kinds or shapes don't fit; a number outside of [0, N); a document that does not
            lie within the entries; a word outside of [0, V).
        OptionError: ``impl`` is none of the three.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.
    """
    kinds = {
        "indptr": (indptr, (torch.int64,)),
        "indices": (indices, (torch.int32,)),
        "counts": (counts, (torch.int32, torch.float32)),
        "rows": (rows, (torch.int64,)),
    }
    for name, (x, allowed) in kinds.items():
        if x.dim() != 1 or x.dtype not in allowed or x.device.type != "cpu":
            wanted = " or ".join(str(dtype) for dtype in allowed)
            raise InputError(
                f"{_NAME}: {name} must be a {wanted} vector on the CPU, but is {x.dtype} of "
                f"{tuple(x.shape)} on {x.device}"
            )
    if not len(indptr) or len(indices) != len(counts):
        raise InputError(
            f"{_NAME}: indptr must have N + 1 elements and counts one for each of the "
            f"{len(indices)} indices, but they have {len(indptr)} and {len(counts)}"
        )
    if _library.serves(_NAME, impl, "cpu"):
        try:
            result: tuple[Tensor, Tensor, Tensor] = torch.ops.topicforge.gather_rows(
                indptr, indices, counts, rows, vocab_size
            )
        except RuntimeError:
            _check(indptr, indices, rows, vocab_size)
            raise
        return result
    _check(indptr, indices, rows, vocab_size)
    return reference.gather_rows(indptr, indices, counts, rows)


def _check(indptr: Tensor, indices: Tensor, rows: Tensor, vocab_size: int) -> None:
    documents, entries = len(indptr) - 1, len(indices)
    outside = (rows < 0) | (rows >= documents)
    if outside.any():
        raise InputError(
            f"{_NAME}: documents must be in [0, {documents}), but one is {int(rows[outside][0])}"
        )
    begin, end = indptr[rows], indptr[rows + 1]
    broken = (begin < 0) | (end < begin) | (end > entries)
    if broken.any():
        raise InputError(
            f"{_NAME}: document {int(rows[broken][0])} must lie within the {entries} entries, but goes "
            f"from {int(begin[broken][0])} to {int(end[broken][0])}; the corpus is damaged, build it "
            "again"
        )
    for row, first, last in zip(rows.tolist(), begin.tolist(), end.tolist(), strict=True):
        words = indices[first:last]
        if last > first and not (int(words.min()) >= 0 and int(words.max()) < vocab_size):
            raise InputError(
                f"{_NAME}: words must be in [0, {vocab_size}), but document {row} has {int(words.min())} "
                f"to {int(words.max())}; the corpus is damaged, build it again"
            )


def _fake(
    indptr: Tensor, indices: Tensor, counts: Tensor, rows: Tensor, vocab_size: int
) -> tuple[Tensor, Tensor, Tensor]:
    n = torch.library.get_ctx().new_dynamic_size()
    return (
        rows.new_empty(len(rows) + 1),
        rows.new_empty(n),
        counts.new_empty(n, dtype=torch.float32),
    )


_library.register(_NAME, _fake)
