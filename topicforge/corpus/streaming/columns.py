"""Between the passes: which words become columns, exactly or by hashing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from sklearn.utils import murmurhash3_32

from topicforge.corpus.pruning import Pruning
from topicforge.corpus.streaming.pieces import Record
from topicforge.errors import InputError


def hashed_column(word: bytes, buckets: int) -> int:
    """|h(w)| mod N, h the signed 32-bit MurmurHash3 of the word's UTF-8 with seed 0.

    It is the column of scikit-learn's ``HashingVectorizer(n_features=N, alternate_sign=False)``. Words
    of one column are counted as one: of V words, about V (V - 1) / (2 N) pairs meet.

    Args:
        word: in UTF-8.
        buckets: N.
    """
    return abs(int(murmurhash3_32(word, seed=0))) % buckets


def choose_words(records: Iterable[Record], pruning: Pruning, n_documents: int) -> list[str]:
    """Return the sorted vocabulary {w: min_df <= df(w) <= max_df}.

    Only words within the limits are held in memory. With ``max_features`` those of the highest totals
    stay; ties go to the first.

    Args:
        records: each word once, sorted.
        pruning: the limits.
        n_documents: N.

    Raises:
        InputError: no word is left, or a word that UTF-8 can't hold.
    """
    words: list[bytes] = []
    totals: list[int] = []
    seen = 0
    for word, documents, total in records:
        seen += 1
        if pruning.frequent(documents, n_documents):
            words.append(word)
            totals.append(total)
    if not words:
        raise pruning.none_left(seen, n_documents)
    if pruning.max_features is not None:
        words = [words[i] for i in pruning.top(np.asarray(totals))]
    return [decoded(word) for word in words]


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
