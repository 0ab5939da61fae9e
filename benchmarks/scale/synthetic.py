"""Synthetic documents of a Zipf vocabulary, written shard by shard into a corpus folder.

Word v of V is drawn with probability 1 / (v + 1), normalised, until a document has as many distinct
words as it must have: drawing without replacement. A shard is in memory at a time, never the corpus.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from topicforge.corpus import Corpus
from topicforge.corpus.folder import CORPUS, shard_stem, write_description
from topicforge.corpus.streaming.pieces import save_array
from topicforge.storage import write_manifest

#: documents that are drawn in one go
_BLOCK = 5_000


def zipf(vocab_size: int) -> NDArray[np.float64]:
    """(V,) sums of the words' probabilities."""
    cdf: NDArray[np.float64] = np.cumsum(1 / np.arange(1, vocab_size + 1))
    return cdf / cdf[-1]


def draw(
    documents: int, cdf: NDArray[np.float64], distinct: int, rng: np.random.Generator
) -> NDArray[np.int32]:
    """(documents, distinct) words, rising in each row, none twice.

    Each row draws from ``cdf`` and keeps the first ``distinct`` different words; rows that a first
    go leaves short draw further, as much again as they have drawn.
    """
    words = np.empty((documents, distinct), dtype=np.int32)
    open_rows, drawn = np.arange(documents), np.empty((documents, 0), dtype=np.int32)
    while len(open_rows):
        go = max(2 * distinct, drawn.shape[1])
        more = np.searchsorted(cdf, rng.random((len(open_rows), go)), side="right")
        drawn = np.concatenate([drawn, np.minimum(more, len(cdf) - 1).astype(np.int32)], axis=1)
        width = drawn.shape[1]
        # one number a draw, so that one sort brings a word's draws together, the earliest first
        keys = np.sort(drawn.astype(np.int64) * width + np.arange(width), axis=1)
        word, place = keys // width, keys % width
        first = np.ones(keys.shape, dtype=bool)
        first[:, 1:] = word[:, 1:] != word[:, :-1]
        place = np.where(first, place, width)
        last = np.partition(place, distinct - 1, axis=1)[:, distinct - 1]
        done = last < width
        kept = (place <= last[:, None])[done]
        words[open_rows[done]] = word[done][kept].reshape(-1, distinct)
        open_rows, drawn = open_rows[~done], drawn[~done]
    return words


def counts(documents: int, vocab_size: int, distinct: int, seed: int = 0) -> sp.csr_array:
    """(documents, V) counts in memory, each word of a document once."""
    words = draw(documents, zipf(vocab_size), distinct, np.random.default_rng(seed))
    starts = np.arange(documents + 1) * distinct
    ones = np.ones(words.size, np.float32)
    return sp.csr_array((ones, words.ravel(), starts), shape=(documents, vocab_size))


def write_corpus(
    folder: Path,
    documents: int,
    *,
    vocab_size: int = 100_000,
    distinct: int = 80,
    shard_documents: int = 100_000,
    seed: int = 0,
) -> Corpus:
    """Write a corpus folder in shards and open it, memory-mapped.

    Args:
        folder: new.
        documents: N.
        vocab_size: V, above ``distinct``.
        distinct: words of each document; counts are 1, 2 or 3.
        shard_documents: documents a shard, fewer in the last.
        seed: of all draws.
    """
    assert 0 < distinct < vocab_size
    rng = np.random.default_rng(seed)
    cdf = zipf(vocab_size)
    (folder / "shards").mkdir(parents=True)
    sizes, total = [], 0
    for number, start in enumerate(range(0, documents, shard_documents)):
        n = min(shard_documents, documents - start)
        indices = np.concatenate(
            [draw(min(_BLOCK, n - at), cdf, distinct, rng).ravel() for at in range(0, n, _BLOCK)]
        )
        counts = rng.integers(1, 4, len(indices), dtype=np.int32)
        indptr = np.arange(n + 1, dtype=np.int64) * distinct
        for name, array in (("indptr", indptr), ("indices", indices), ("counts", counts)):
            save_array(folder / f"{shard_stem(number)}{name}.npy", array)
        sizes.append((n, len(indices)))
        total += int(counts.sum())
    described = {
        "name": "zipf",
        "documents": documents,
        "empty_documents": 0,
        "vocab_size": vocab_size,
        "entries": documents * distinct,
        "words": float(total),
        "labels": None,
        "description": {"source": "synthetic", "seed": seed, "distinct": distinct},
    }
    write_description(folder, described, sizes)
    write_manifest(folder, CORPUS)
    return Corpus.open(folder, verify=False)
