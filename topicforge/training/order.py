"""In which order an epoch visits its documents: shuffled, reproducible, in constant memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from topicforge.training.selection import Selection

#: blocks that are shuffled into each other: 262,144 documents, two megabytes of numbers
WINDOW = 64


def shuffled(
    selection: Selection, batch_size: int, seed: tuple[int, ...], skip: int = 0
) -> Iterator[NDArray[np.int64]]:
    """Yield the document numbers of each batch of an epoch; every document comes once.

    The blocks of the corpus are put into random order, and the documents of every
    :data:`WINDOW` blocks are shuffled together: up to 262,144 documents that is a full shuffle,
    beyond it documents far apart still meet, and reading stays within a window. The same
    seed gives the same order on every machine, however many processes share the batches.

    A single document left over joins the batch before it: batch norm and MMD need two.

    Args:
        selection: the documents.
        batch_size: documents per batch.
        seed: whole numbers >= 0 that name this epoch.
        skip: batches at the beginning that are not wanted again.
    """
    generator = np.random.default_rng(seed)
    blocks = generator.permutation(selection.n_blocks)
    waiting = np.empty(0, dtype=np.int64)
    number = 0
    for start in range(0, len(blocks), WINDOW):
        window = np.concatenate([selection.block(b) for b in blocks[start : start + WINDOW]])
        generator.shuffle(window)
        waiting = np.concatenate([waiting, window])
        at = 0
        while len(waiting) - at > batch_size + 1:
            if number >= skip:
                # rising: the documents of a batch are read in the order in which they lie on disk
                yield np.sort(waiting[at : at + batch_size])
            number += 1
            at += batch_size
        waiting = waiting[at:]
    if len(waiting) and number >= skip:
        yield np.sort(waiting)


def n_batches(n_documents: int, batch_size: int) -> int:
    """Return how many batches :func:`shuffled` yields."""
    return max(
        1, -(-n_documents // batch_size) - (n_documents % batch_size == 1 or batch_size == 1)
    )
