"""From documents on disk or in memory to batches on the device."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from topicforge.contracts import Batch
from topicforge.training.documents import Documents

#: entries from which on the pages of a mapped corpus are released after each batch: 32 MiB
_LARGE = 1 << 22


def to_batch(documents: Documents, rows: NDArray[np.int64], device: torch.device) -> Batch:
    """Gather some documents as a float32 batch on ``device``."""
    counts = documents.counts
    crow, col, count = map(torch.from_numpy, counts.rows(rows))
    if counts.n_entries > _LARGE:
        # read in random order, all of the files would in the end count as this process' memory
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
