"""From a file, a folder or a named source to a corpus folder, in one call."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from glob import has_magic
from pathlib import Path
from typing import Any

import numpy as np

from topicforge.corpus.counts import Counts
from topicforge.corpus.folder import Corpus
from topicforge.corpus.formats import COUNT_FORMATS, files_and_format, read_counts, read_texts
from topicforge.corpus.lines import unreadable
from topicforge.corpus.prune import prune
from topicforge.corpus.readers.matrices import CountFile
from topicforge.corpus.readers.plain import Document
from topicforge.corpus.readers.several import PathLike
from topicforge.corpus.sidecars import read_labels, read_vocabulary
from topicforge.corpus.sources import SOURCES, Source
from topicforge.corpus.stop_words import stop_words_of
from topicforge.corpus.streaming.build import Task, build_shards
from topicforge.corpus.streaming.settings import SHARD_DOCUMENTS, Columns, Words, check_pace
from topicforge.corpus.text import count_words, vectorizer
from topicforge.errors import CorpusError, InputError, OptionError, did_you_mean


def build_corpus(
    source: PathLike | Sequence[PathLike],
    *,
    output: PathLike | None = None,
    vocab: PathLike | None = None,
    labels: PathLike | None = None,
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
    shard_documents: int | None = None,
    workers: int = 1,
    hash_buckets: int | None = None,
    hash_names: bool = False,
) -> Corpus:
    """Read documents, count their words, and write a corpus folder.

    Word i of the vocabulary is column i of the counts, in the order of ``vocab`` where it is given
    or comes with the counts, else sorted. Documents without a word are kept, unless told otherwise.

    With ``shard_documents``, several ``workers`` or ``hash_buckets`` texts are read as a stream into a
    folder of shards: memory does not grow with the number of documents, the files are the same
    whatever the number of workers, and a build that was stopped goes on when it is started again.
    Counts and vocabulary are those of a build in memory. Workers are fresh processes: a script that
    asks for them must hold its own work behind ``if __name__ == "__main__":``.

    Args:
        source: a file or folder of texts or counts, or the name of a source: ``python-docs``,
            ``reuters``, ``20newsgroups``. A path wins where it holds a separator or a suffix. Texts may
            lie in several files of one format: a list, a pattern (``part-*.jsonl.zst``), or a folder
            of tables, see :func:`~topicforge.corpus.formats.files_and_format`.
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
        shard_documents: documents a shard, fewer where their texts reach 2^26 characters; ``None``:
            50,000. One shard and a few more a worker are in memory at a time.
        workers: processes that count words; 1: this one alone.
        hash_buckets: N columns instead of one a word: column = abs(h(w)) mod N, h the signed 32-bit
            MurmurHash3 of the word's UTF-8 (scikit-learn's ``HashingVectorizer``). No list of words is
            made. Words that meet in a column are counted as one word: of V words each shares its
            column with (V - 1) / N others on average, so N should be several times V.
        hash_names: name each column after its most frequent word, which costs a look at all words.

    Raises:
        CorpusError: unreadable, truncated, inconsistent or empty input; labels of another length.
        OptionError: an option that does not fit the source or its own domain.
        MissingExtraError: an optional library is missing.
    """
    check_pace(shard_documents, workers)
    streamed = workers > 1 or (shard_documents, hash_buckets) != (None, None)
    if not streamed and hash_names:
        raise OptionError("hash_names names the buckets of hash_buckets; give both")
    if streamed and output is None:
        raise OptionError(
            "shard_documents, workers and hash_buckets write a corpus folder piece by piece: say where "
            "with output"
        )
    named = _named(source)
    if named is not None:
        options = {**named.defaults}
        given = {
            "language": language, "min_df": min_df, "max_df": max_df, "drop_empty": drop_empty
        }  # fmt: skip
        options.update({key: value for key, value in given.items() if value is not None})
        language, min_df, max_df, drop_empty = (options.get(key) for key in given)
    path = _called(source)
    where = str(path)
    paths: list[Path] = []
    kind = None
    try:
        if named is None:
            paths, kind = files_and_format(source, format)
        if streamed and (kind in COUNT_FORMATS or (named is not None and named.counts is not None)):
            raise OptionError(
                f"{where}: is counts, not texts; leave shard_documents, workers and hash_buckets out"
            )
        if named is not None and named.counts is not None:
            read = _from_counts(named.counts(), vocab, encoding)
        elif kind in COUNT_FORMATS:
            path = paths[0]
            _no_text_options(where, text_column, label_column, ngram, token_pattern)
            words = None if vocab is None else read_vocabulary(Path(vocab), encoding=encoding)
            size = None if words is None else len(words)
            read = _from_counts(read_counts(path, format, vocab_size=size), vocab, encoding)
        else:
            documents = partial(
                _documents, named, paths, kind,
                text_column=text_column, label_column=label_column, encoding=encoding,
            )  # fmt: skip
            stops = _stop_words(stop_words, language, named)
            fixed = None if vocab is None else read_vocabulary(Path(vocab), encoding=encoding)
            if streamed and output is not None:
                return build_shards(Task(
                    documents=documents,
                    fingerprint=_fingerprint(
                        named, paths, [kind, text_column, label_column, encoding]
                    ),
                    target=Path(output),
                    words=Words(language, tuple(stops), (1, ngram), token_pattern, lowercase),
                    columns=Columns(
                        fixed, min_df, max_df, max_features, hash_buckets, hash_names,
                        bool(drop_empty),
                    ),
                    shard_documents=shard_documents or SHARD_DOCUMENTS,
                    workers=workers,
                    labels=None if labels is None else Path(labels),
                    encoding=encoding,
                    name=name or (path.stem if named is None else named.name),
                    description={
                        **_described(path, named, paths, "texts", language),
                        "ngram_range": [1, ngram],
                        "token_pattern": token_pattern,
                        "lowercase": lowercase,
                        "stop_words": len(stops),
                        "shard_documents": shard_documents or SHARD_DOCUMENTS,
                    },
                    where=where,
                ))  # fmt: skip
            read = _from_texts(
                documents(), fixed, language=language, stop_words=stops,
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
                **_described(path, named, paths, read.kind, language),
                **({"note": read.note} if read.note else {}),
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


def _called(source: PathLike | Sequence[PathLike]) -> Path:
    """What messages and the corpus call a source: of several files their common folder."""
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        several = not path.exists() and has_magic(os.fspath(source))
        return Path(os.path.abspath(path.parent)) if several else path
    if len(source) == 1:
        return _called(source[0])
    return Path(os.path.commonpath([os.path.abspath(one) for one in source] or ["."]))


def _documents(
    named: Source | None, paths: list[Path], kind: str | None, **options: Any
) -> Iterator[Document]:
    if named is not None and named.texts is not None:
        yield from named.texts()
    for path in paths:
        yield from read_texts(path, kind or "", **options)


def _fingerprint(
    named: Source | None, paths: list[Path], reading: list[str | None]
) -> dict[str, Any]:
    """What must be the same for a stopped build to go on."""
    if named is not None:
        return {"name": named.name, "python": sys.version, "read": reading}
    files: list[Path] = []
    for path in paths:
        inside = sorted(file for file in path.rglob("*") if file.is_file())
        files.extend([path] if path.is_file() else inside)
    try:
        states = [(os.path.abspath(file), file.stat()) for file in files]
    except OSError as error:
        raise unreadable(Path(error.filename or paths[0]), error) from error
    return {
        "files": [[name, stat.st_size, stat.st_mtime_ns] for name, stat in states],
        "read": reading,
    }


def _described(
    path: Path, named: Source | None, paths: list[Path], kind: str, language: str | None
) -> dict[str, Any]:
    return {
        "source": path.name if named is None else named.name,
        **({"files": len(paths)} if len(paths) > 1 else {}),
        "read_as": kind,
        "language": language,
    }


def _named(source: PathLike | Sequence[PathLike]) -> Source | None:
    if not isinstance(source, str | os.PathLike):
        return _named(source[0]) if len(source) == 1 else None
    text = os.fspath(source)
    if text in SOURCES:
        return SOURCES[text]
    path = Path(text)
    if path.name == text and not path.suffix and not path.exists() and not has_magic(text):
        raise CorpusError(
            f"{text}: there is no such file or folder, and no source of that name; the sources are "
            f"{', '.join(SOURCES)}.{did_you_mean(text, SOURCES)}"
        )
    return None


def _from_counts(read: CountFile, vocab: PathLike | None, encoding: str) -> _Read:
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
