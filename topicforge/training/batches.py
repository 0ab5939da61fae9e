"""From documents on disk or in memory to batches on the device."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from topicforge.contracts import Batch
from topicforge.training.documents import Documents


def to_batch(documents: Documents, rows: NDArray[np.int64], device: torch.device) -> Batch:
    """Gather some documents as a float32 batch on ``device``."""
    crow, col, count = documents.counts.rows(rows)
    features = documents.features
    batch = Batch(
        torch.from_numpy(crow),
        torch.from_numpy(col),
        torch.from_numpy(count),
        documents.counts.vocab_size,
        None if features is None else torch.from_numpy(features[rows]),
    )
    return batch.to(device, torch.float32)


def shuffled(
    documents: Documents, rows: NDArray[np.int64], batch_size: int, device: torch.device
) -> Iterator[Batch]:
    """Yield all ``rows`` once in random order (torch's generator), in batches.

    A single document left over joins the batch before it: batch norm and MMD need two.
    """
    order = rows[torch.randperm(len(rows)).numpy()]
    edges = [*range(0, len(order), batch_size), len(order)]
    if len(edges) > 2 and edges[-1] - edges[-2] == 1:
        del edges[-2]
    for start, stop in pairwise(edges):
        yield to_batch(documents, order[start:stop], device)


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
    documents: Documents,
    batch_size: int,
    device: torch.device,
    rows: NDArray[np.int64] | None = None,
) -> Iterator[Batch]:
    """Yield documents in order, in batches: for inference."""
    chosen = np.arange(len(documents)) if rows is None else rows
    for start in range(0, len(chosen), batch_size):
        yield to_batch(documents, chosen[start : start + batch_size], device)
