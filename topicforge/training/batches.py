"""From counts on disk or in memory to batches on the device."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from topicforge.contracts import Batch
from topicforge.corpus import Counts


def to_batch(counts: Counts, documents: NDArray[np.int64], device: torch.device) -> Batch:
    """Gather some documents as a float32 batch on ``device``."""
    crow, col, count = counts.rows(documents)
    batch = Batch(
        torch.from_numpy(crow), torch.from_numpy(col), torch.from_numpy(count), counts.vocab_size
    )
    return batch.to(device, torch.float32)


def shuffled(
    counts: Counts, documents: NDArray[np.int64], batch_size: int, device: torch.device
) -> Iterator[Batch]:
    """Yield all ``documents`` once in random order (torch's generator), in batches.

    A single document left over joins the batch before it: batch norm and MMD need two.
    """
    order = documents[torch.randperm(len(documents)).numpy()]
    edges = [*range(0, len(order), batch_size), len(order)]
    if len(edges) > 2 and edges[-1] - edges[-2] == 1:
        del edges[-2]
    for start, stop in pairwise(edges):
        yield to_batch(counts, order[start:stop], device)


def padded(batch: Batch, multiple: int = 64) -> Batch:
    """Fill a batch up with empty documents to whole tiles of rows.

    A matrix product rounds the rows of its last, partial tile differently; on whole tiles a
    document's theta does not depend on which documents are beside it.
    """
    missing = -batch.n_documents % multiple
    crow = torch.cat([batch.crow, batch.crow[-1:].expand(missing)])
    return Batch(crow, batch.col, batch.count, batch.vocab_size)


def in_order(
    counts: Counts,
    batch_size: int,
    device: torch.device,
    documents: NDArray[np.int64] | None = None,
) -> Iterator[Batch]:
    """Yield documents in order, in batches: for inference."""
    chosen = np.arange(counts.n_documents) if documents is None else documents
    for start in range(0, len(chosen), batch_size):
        yield to_batch(counts, chosen[start : start + batch_size], device)
