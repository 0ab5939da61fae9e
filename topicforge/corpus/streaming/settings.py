"""What a streaming build was asked for, in forms that travel to worker processes and into manifests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from topicforge.corpus.prune import document_limit
from topicforge.corpus.text import WordVectorizer, vectorizer
from topicforge.errors import OptionError

#: documents a shard, unless told otherwise
SHARD_DOCUMENTS = 50_000


@dataclass(frozen=True)
class Words:
    """How a text is cut into words; see :func:`~topicforge.corpus.vectorizer` for each option."""

    language: str | None
    stop_words: tuple[str, ...]
    ngram_range: tuple[int, int]
    token_pattern: str | None
    lowercase: bool

    def vectorizer(self) -> WordVectorizer:
        """Return the vectoriser whose analyser cuts the words.

        Raises:
            OptionError: see :func:`~topicforge.corpus.vectorizer`.
            MissingExtraError: see :func:`~topicforge.corpus.vectorizer`.
        """
        return vectorizer(**asdict(self))


@dataclass(frozen=True)
class Columns:
    """Which words become columns.

    Args:
        vocabulary: words in column order, or ``None`` to choose them.
        min_df: least documents of a word; ``None``: by the number of documents.
        max_df: most documents of a word; ``None``: likewise.
        max_features: keep the words with the highest totals only.
        hash_buckets: N: a word's column is its hash modulo N; ``None``: a column a word.
        hash_names: call each bucket after its most frequent word.
        drop_empty: leave documents without a word out.

    Raises:
        OptionError: a limit outside its domain, or two ways to choose columns at once.
    """

    vocabulary: tuple[str, ...] | None = None
    min_df: int | float | None = None
    max_df: int | float | None = None
    max_features: int | None = None
    hash_buckets: int | None = None
    hash_names: bool = False
    drop_empty: bool = False

    def __post_init__(self) -> None:
        limited = (self.min_df, self.max_df, self.max_features) != (None, None, None)
        if self.vocabulary is not None and limited:
            raise OptionError(
                "vocab fixes the words, so min_df, max_df and max_features must be left out"
            )
        if self.hash_buckets is None:
            if self.hash_names:
                raise OptionError("hash_names names the buckets of hash_buckets; give both")
        elif self.vocabulary is not None or limited:
            raise OptionError(
                "hash_buckets fixes the columns, so vocab, min_df, max_df and max_features must be "
                "left out"
            )
        elif not _whole(self.hash_buckets) or self.hash_buckets >= 2**31:
            raise OptionError(
                f"hash_buckets must be a whole number in [1, 2^31 - 1], got {self.hash_buckets!r}"
            )
        for limit, name in ((self.min_df, "min_df"), (self.max_df, "max_df")):
            if limit is not None:
                document_limit(limit, 1, name)  # now, rather than after hours of reading
        if self.max_features is not None and not _whole(self.max_features):
            raise OptionError(f"max_features must be at least 1 or None, got {self.max_features!r}")

    def manifest(self) -> dict[str, Any]:
        """Return the options for a manifest, long lists as their SHA-256."""
        listed = asdict(self)
        listed["vocabulary"] = None if self.vocabulary is None else digest(self.vocabulary)
        return listed


def check_pace(shard_documents: int | None, workers: int) -> None:
    """Check the two numbers that decide how the work is cut up.

    Raises:
        OptionError: below one.
    """
    for name, value in (("shard_documents", shard_documents), ("workers", workers)):
        if value is not None and not _whole(value):
            raise OptionError(f"{name} must be a whole number of 1 or more, got {value!r}")


def digest(words: Sequence[str]) -> str:
    """Return the SHA-256 of a list of words."""
    return hashlib.sha256(
        "".join(f"{word}\n" for word in words).encode("utf-8", "surrogatepass")
    ).hexdigest()


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
