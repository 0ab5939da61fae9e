"""Between the passes: which words become columns, exactly or by hashing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from sklearn.utils import murmurhash3_32

from topicforge.corpus.prune import document_limit
from topicforge.corpus.streaming.pieces import Record
from topicforge.corpus.streaming.settings import Columns
from topicforge.errors import CorpusError, InputError


def hashed_column(word: bytes, buckets: int) -> int:
    """|h(w)| mod N, h the signed 32-bit MurmurHash3 of the word's UTF-8 with seed 0.

    It is the column of scikit-learn's ``HashingVectorizer(n_features=N, alternate_sign=False)``. Words
    of one column are counted as one: of V words, about V (V - 1) / (2 N) pairs meet.

    Args:
        word: in UTF-8.
        buckets: N.
    """
    return abs(int(murmurhash3_32(word, seed=0))) % buckets


def limits_of(columns: Columns, n_documents: int) -> tuple[int | float, int | float]:
    """Return (min_df, max_df) of texts, by the number of documents where nothing was given."""
    n = n_documents
    least = (1 if n < 100 else 2 if n < 1000 else 5) if columns.min_df is None else columns.min_df
    most = (1.0 if n < 100 else 0.5) if columns.max_df is None else columns.max_df
    return least, most


def choose_words(
    records: Iterable[Record], columns: Columns, n_documents: int
) -> tuple[list[str], dict[str, Any]]:
    """Return the sorted vocabulary {w: min_df <= df(w) <= max_df}, and the limits that held.

    Only words within the limits are held in memory. With ``max_features`` those of the highest totals
    stay; ties go to the first.

    Args:
        records: each word once, sorted.
        columns: the limits.
        n_documents: N.

    Raises:
        CorpusError: no word is left.
        InputError: a word that UTF-8 can't hold.
    """
    min_df, max_df = limits_of(columns, n_documents)
    least = document_limit(min_df, n_documents, "min_df")
    most = document_limit(max_df, n_documents, "max_df")
    words: list[bytes] = []
    totals: list[int] = []
    seen = 0
    for word, documents, total in records:
        seen += 1
        if least <= documents <= most:
            words.append(word)
            totals.append(total)
    if not words:
        raise CorpusError(
            f"no word is left of {seen}: min_df={min_df} asks for {least:g} documents or more, "
            f"max_df={max_df} for {most:g} or fewer, of {n_documents}; lower min_df, raise max_df, or "
            "choose the language the texts are written in"
        )
    if columns.max_features is not None and len(words) > columns.max_features:
        order = np.argsort(-np.asarray(totals, dtype=np.float64), kind="stable")
        kept = np.sort(order[: columns.max_features])
        words = [words[i] for i in kept]
    limits = {"min_df": min_df, "max_df": max_df, "max_features": columns.max_features}
    return [decoded(word) for word in words], limits


def name_buckets(records: Iterable[Record], buckets: int) -> list[str]:
    """Return N names: each bucket's most frequent word, of equals the first; ``bucket_I`` if empty.

    A word lies in one bucket only, so its name is taken once; an empty bucket whose name is a word
    somewhere gets ``_`` behind it.

    Args:
        records: each word once, sorted.
        buckets: N.

    Raises:
        InputError: a word that UTF-8 can't hold.
    """
    best: dict[int, tuple[int, bytes]] = {}
    for word, _, total in records:
        column = hashed_column(word, buckets)
        if column not in best or total > best[column][0]:
            best[column] = (total, word)
    taken = {word for _, word in best.values()}
    names = []
    for column in range(buckets):
        if column in best:
            names.append(decoded(best[column][1]))
            continue
        name = f"bucket_{column}"
        while name.encode() in taken:
            name += "_"
        names.append(name)
    return names


def decoded(word: bytes) -> str:
    """Return a word as text.

    Raises:
        InputError: it holds half of a surrogate pair, as broken JSON escapes do.
    """
    try:
        return word.decode("utf-8")
    except UnicodeDecodeError as error:
        text = word.decode("utf-8", "surrogatepass")
        raise InputError(f"a word must be text that UTF-8 can hold, got {text!r}") from error
