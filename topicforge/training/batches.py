"""From documents on disk or in memory to batches on the device."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from topicforge import ops
from topicforge.contracts import Batch
from topicforge.corpus import Counts, ShardedCounts
from topicforge.training.documents import Documents

#: entries from which on a mapped corpus is taken out of this process again after each batch: 32 MiB
_LARGE = 1 << 22


def to_batch(documents: Documents, rows: NDArray[np.int64], device: torch.device) -> Batch:
    """Gather some documents as a float32 batch on ``device``."""
    counts = documents.counts
    crow, col, count = _gathered(counts, rows)
    if counts.n_entries > _LARGE:
        # read at random, all of the files would in the end count as this process' memory
        counts.release()
    features = documents.features
    batch = Batch(
        crow,
        col,
        count,
        counts.vocab_size,
        None if features is None else torch.from_numpy(features[rows]),
    )
    return batch.to(device, torch.float32)


def _gathered(counts: Counts, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor, Tensor]:
    """(crow, col, count) of some documents; of shards, one shard's documents after the other's."""
    if not isinstance(counts, ShardedCounts):
        indptr, indices, values = map(_tensor, (counts.indptr, counts.indices, counts.counts))
        return ops.gather_rows(indptr, indices, values, _tensor(rows), counts.vocab_size)
    owner = np.searchsorted(counts.first, rows, side="right") - 1
    if (owner[1:] < owner[:-1]).any():
        # back into the order that was asked for: in training too, noise belongs to a place
        crow, col, count = counts.rows(rows)
        return torch.from_numpy(crow), torch.from_numpy(col), torch.from_numpy(count)
    parts = [
        _gathered(counts.shards[s], rows[owner == s] - counts.first[s]) for s in np.unique(owner)
    ]
    lengths = torch.cat(
        [crow.diff() for crow, _, _ in parts] or [torch.empty(0, dtype=torch.int64)]
    )
    return (
        torch.cat([lengths.new_zeros(1), lengths.cumsum(0)]),
        torch.cat([col for _, col, _ in parts] or [lengths]),
        torch.cat([count for _, _, count in parts] or [lengths.float()]),
    )


def _tensor(array: NDArray[Any]) -> Tensor:
    """A view without a copy; a mapped file is read-only, which torch warns of and nothing here breaks."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(array)


def padded(batch: Batch, multiple: int = 64) -> Batch:
    """Fill a batch up with empty documents to whole tiles of rows.

    A matrix product rounds the rows of its last, partial tile differently; on whole tiles a
    document's theta does not depend on which documents are beside it.
    """
    missing = -batch.n_documents % multiple
    crow = torch.cat([batch.crow, batch.crow[-1:].expand(missing)])
    features = batch.features
    if features is not None:
        features = torch.cat([features, features.new_zeros(missing, features.shape[1])])
    return Batch(crow, batch.col, batch.count, batch.vocab_size, features)


def in_order(
    documents: Documents, batch_size: int, device: torch.device, among: range | None = None
) -> Iterator[Batch]:
    """Yield documents in order, all or a range of them, in batches: for inference."""
    among = range(len(documents)) if among is None else among
    for start in range(among.start, among.stop, batch_size):
        rows = np.arange(start, min(start + batch_size, among.stop))
        yield to_batch(documents, rows, device)


def of_rows(
    documents: Documents, chosen: Iterable[NDArray[np.int64]], device: torch.device
) -> Iterator[Batch]:
    """Yield the batches of some documents, given by their numbers batch by batch."""
    return (to_batch(documents, rows, device) for rows in chosen)
