"""From a file, a folder or a named source to a corpus folder, in one call."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from topicforge.corpus.counts import Counts
from topicforge.corpus.folder import Corpus
from topicforge.corpus.formats import COUNT_FORMATS, format_of, read_counts, read_texts
from topicforge.corpus.prune import prune
from topicforge.corpus.readers.matrices import CountFile
from topicforge.corpus.readers.plain import Document
from topicforge.corpus.sidecars import read_labels, read_vocabulary
from topicforge.corpus.sources import SOURCES, Source
from topicforge.corpus.stop_words import stop_words_of
from topicforge.corpus.text import count_words, vectorizer
from topicforge.errors import CorpusError, InputError, OptionError, did_you_mean

_PathLike = str | os.PathLike[str]


def build_corpus(
    source: _PathLike,
    *,
    output: _PathLike | None = None,
    vocab: _PathLike | None = None,
    labels: _PathLike | None = None,
    format: str | None = None,  # noqa: A002 (the option's name)
    text_column: str | None = None,
    label_column: str | None = None,
    language: str | None = None,
    stop_words: str | Sequence[str] | None = "language",
    min_df: int | float | None = None,
    max_df: int | float | None = None,
    max_features: int | None = None,
    ngram: int = 1,
    token_pattern: str | None = None,
    lowercase: bool = True,
    encoding: str = "utf-8",
    drop_empty: bool | None = None,
    name: str | None = None,
) -> Corpus:
    """Read documents, count their words, and write a corpus folder.

    Word i of the vocabulary is column i of the counts, in the order of ``vocab`` where it is given
    or comes with the counts, else sorted. Documents without a word are kept, unless told otherwise.

    Args:
        source: a file or folder of texts or counts, or the name of a source: ``python-docs``,
            ``reuters``, ``20newsgroups``. A path wins where it holds a separator or a suffix.
        output: the corpus folder; ``None``: nothing is written and the corpus stays in memory.
        vocab: a word a line. For counts it names the columns; for texts it fixes them, and then
            there is nothing for ``min_df``, ``max_df`` and ``max_features`` to choose.
        labels: a label a line, as many as documents.
        format: see :func:`~topicforge.corpus.formats.format_of`; ``None``: by name.
        text_column: for tables; ``None``: ``text``, or the only column.
        label_column: for tables; ``None``: no labels.
        language: ``en``, ``zh`` or ``None``, see :func:`~topicforge.corpus.vectorizer`; for counts it
            only chooses stop words to leave out.
        stop_words: ``"language"``, ``None``, or words.
        min_df: least documents a word occurs in, a number or a share as a float. ``None``: for texts
            1 below 100 documents, 2 below 1,000, else 5; for counts 1 where another limit or stop
            words are given, else no column is left out.
        max_df: most documents. ``None``: for texts 0.5 from 100 documents on, else 1.0.
        max_features: keep the most frequent words only.
        ngram: longest phrase, in words.
        token_pattern: regular expression of a word.
        lowercase: fold case first.
        encoding: of text files, a Python codec.
        drop_empty: leave documents without a word out, with their labels, once the vocabulary is
            settled; ``None``: as the source has it, only ``python-docs`` does.
        name: what to call the corpus; ``None``: after the source.

    Raises:
        CorpusError: unreadable, truncated, inconsistent or empty input; labels of another length.
        OptionError: an option that does not fit the source or its own domain.
        MissingExtraError: an optional library is missing.
    """
    named = _named(source)
    if named is not None:
        options = {**named.defaults}
        given = {
            "language": language, "min_df": min_df, "max_df": max_df, "drop_empty": drop_empty
        }  # fmt: skip
        options.update({key: value for key, value in given.items() if value is not None})
        language, min_df, max_df, drop_empty = (options.get(key) for key in given)
    where = str(source)
    path = Path(source)
    try:
        if named is not None and named.counts is not None:
            read = _from_counts(named.counts(), vocab, encoding)
        elif named is None and format_of(path, format) in COUNT_FORMATS:
            _no_text_options(where, text_column, label_column, ngram, token_pattern)
            words = None if vocab is None else read_vocabulary(Path(vocab), encoding=encoding)
            size = None if words is None else len(words)
            read = _from_counts(read_counts(path, format, vocab_size=size), vocab, encoding)
        else:
            if named is not None and named.texts is not None:
                documents = named.texts()
            else:
                documents = read_texts(
                    path, format_of(path, format), text_column=text_column,
                    label_column=label_column, encoding=encoding,
                )  # fmt: skip
            stops = _stop_words(stop_words, language, named)
            fixed = None if vocab is None else read_vocabulary(Path(vocab), encoding=encoding)
            read = _from_texts(
                documents, fixed, language=language, stop_words=stops,
                ngram_range=(1, ngram), token_pattern=token_pattern, lowercase=lowercase,
            )  # fmt: skip
        counts, vocabulary, limits = _limit(
            read, language, stop_words, min_df, max_df, max_features, where
        )
        if labels is not None:
            if read.labels is not None:
                raise OptionError(
                    f"{where}: has labels of its own, so a file of labels can't be given too"
                )
            read.labels = read_labels(Path(labels), counts.n_documents, encoding)
        if counts.n_entries == 0:
            raise CorpusError(
                f"{where}: at least one document must have a word, but all {counts.n_documents} documents "
                "are empty"
            )
        if drop_empty:
            filled = np.flatnonzero(np.diff(counts.indptr))
            limits["dropped_empty_documents"] = counts.n_documents - len(filled)
            counts = counts.select(filled)
            if read.labels is not None:
                read.labels = tuple(read.labels[i] for i in filled)
        corpus = Corpus(
            counts, vocabulary, read.labels, name or (path.stem if named is None else named.name),
            {
                "source": path.name if named is None else named.name,
                **({"note": read.note} if read.note else {}),
                "read_as": read.kind,
                "language": language,
                **read.options,
                **limits,
            },
        )  # fmt: skip
    except CorpusError:
        raise
    except InputError as error:
        raise CorpusError(f"{where}: {error}") from error
    return corpus if output is None else Corpus.open(corpus.save(output))


@dataclass
class _Read:
    """What came out of a source, before rare and common words go."""

    counts: Counts
    vocabulary: tuple[str, ...] | None
    labels: tuple[str, ...] | None
    kind: str
    fixed: bool = False
    note: str = ""
    options: dict[str, Any] = field(default_factory=dict)


def _named(source: _PathLike) -> Source | None:
    text = os.fspath(source)
    if text in SOURCES:
        return SOURCES[text]
    path = Path(text)
    if path.name == text and not path.suffix and not path.exists():
        raise CorpusError(
            f"{text}: there is no such file or folder, and no source of that name; the sources are "
            f"{', '.join(SOURCES)}.{did_you_mean(text, SOURCES)}"
        )
    return None


def _from_counts(read: CountFile, vocab: _PathLike | None, encoding: str) -> _Read:
    words = read.vocabulary
    if vocab is not None:
        words = read_vocabulary(Path(vocab), read.counts.vocab_size, encoding)
    return _Read(read.counts, words, read.labels, "counts", note=read.note)


def _from_texts(
    documents: Iterator[Document],
    fixed: tuple[str, ...] | None,
    **options: Any,
) -> _Read:
    labels: list[str] = []
    unlabelled = 0

    def texts() -> Iterator[str]:
        nonlocal unlabelled
        for text, label in documents:
            if label is None:
                unlabelled += 1
            else:
                labels.append(label)
            yield text

    vocabulary, counts = count_words(vectorizer(vocabulary=fixed, **options), texts())
    described = {
        key: value for key, value in options.items() if key not in ("language", "stop_words")
    }
    described["stop_words"] = len(options["stop_words"])
    return _Read(
        counts, vocabulary, tuple(labels) if not unlabelled else None, "texts",
        fixed=fixed is not None, options=described,
    )  # fmt: skip


def _limit(
    read: _Read,
    language: str | None,
    stop_words: str | Sequence[str] | None,
    min_df: int | float | None,
    max_df: int | float | None,
    max_features: int | None,
    where: str,
) -> tuple[Counts, tuple[str, ...] | None, dict[str, Any]]:
    """Prune, with the limits that hold for this kind and number of documents."""
    counts, vocabulary, n = read.counts, read.vocabulary, read.counts.n_documents
    if read.fixed:
        if (min_df, max_df, max_features) != (None, None, None):
            raise OptionError(
                f"{where}: vocab fixes the words, so min_df, max_df and max_features must be left out"
            )
        return counts, vocabulary, {"vocabulary": "given"}
    stops: frozenset[str] = frozenset()
    if read.kind == "counts":
        if language is not None or not isinstance(stop_words, str | None):
            stops = frozenset(stop_words_of(language, stop_words))
        if not stops and (min_df, max_df, max_features) == (None, None, None):
            # every column stays, also of words that occur only in other counts of the same width
            return counts, vocabulary, {"vocabulary": "given"}
        least = 1 if min_df is None else min_df
        most = 1.0 if max_df is None else max_df
    else:
        least = (1 if n < 100 else 2 if n < 1000 else 5) if min_df is None else min_df
        most = (1.0 if n < 100 else 0.5) if max_df is None else max_df
    counts, vocabulary = prune(
        counts, vocabulary, min_df=least, max_df=most, max_features=max_features, stop_words=stops
    )
    limits = {"min_df": least, "max_df": most, "max_features": max_features}
    return counts, vocabulary, limits


def _stop_words(
    stop_words: str | Sequence[str] | None, language: str | None, named: Source | None
) -> list[str]:
    words = stop_words_of(language, stop_words)
    if named is not None and stop_words == "language":
        words = sorted({*words, *named.extra_stop_words})
    return words


def _no_text_options(
    where: str,
    text_column: str | None,
    label_column: str | None,
    ngram: int,
    token_pattern: str | None,
) -> None:
    given = {
        "text_column": text_column, "label_column": label_column, "token_pattern": token_pattern,
        "ngram": None if ngram == 1 else ngram,
    }  # fmt: skip
    wrong = [name for name, value in given.items() if value is not None]
    if wrong:
        raise OptionError(
            f"{where}: is a file of counts, for which {', '.join(wrong)} has no meaning"
        )
