"""From a file, a folder or a named corpus to a corpus folder, in one call."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from glob import has_magic
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone

from topicforge.corpus.analyzer import Analyzer
from topicforge.corpus.counts import Counts, without_torch
from topicforge.corpus.folder import Corpus
from topicforge.corpus.formats import (
    PathLike,
    checked,
    corpus_of,
    files_and_reader,
    read_counts,
    read_texts,
)
from topicforge.corpus.given import read_given
from topicforge.corpus.lines import read_lines, unreadable
from topicforge.corpus.pruning import Pruning, prune
from topicforge.corpus.reader import CorpusSpec, CountTable, ReaderSpec, Reading, group
from topicforge.corpus.sources import CORPORA
from topicforge.corpus.streaming.build import Task, build_shards
from topicforge.corpus.streaming.settings import Shards
from topicforge.corpus.text import WordVectorizer
from topicforge.corpus.words import check_labels, check_vocabulary, read_vocabulary
from topicforge.errors import CorpusError, InputError, OptionError, did_you_mean


def build_corpus(
    source: PathLike | CorpusSpec | Sequence[PathLike] | None = None,
    output: PathLike | None = None,
    *,
    texts: Any = None,
    vectorizer: str | Analyzer | Any = None,
    vocabulary: PathLike | Sequence[str] | None = None,
    labels: PathLike | Sequence[Any] | None = None,
    reading: Reading | Mapping[str, Any] | None = None,
    pruning: Pruning | Mapping[str, Any] | None = None,
    shards: Shards | Mapping[str, Any] | None = None,
    drop_empty: bool | None = None,
    name: str | None = None,
) -> Corpus:
    """Read documents, count their words, and write a corpus folder.

    Word i of the vocabulary is column i of the counts, in the order of ``vocabulary`` where it is
    given or comes with the counts, else sorted. Documents without a word are kept, unless told
    otherwise.

    Args:
        source: a file or folder of texts or counts, or a named corpus: ``python-docs``, ``reuters``,
            ``20newsgroups``, or a plugin's :class:`CorpusSpec`. A path is taken where the text holds
            a separator or an ending. Texts may lie in several files of one format: a list, a pattern
            (``part-*.jsonl.zst``), or a folder of tables, see
            :func:`~topicforge.corpus.formats.files_and_reader`.
        texts: documents in memory instead of a source: texts, lists of tokens or bags of words, in a list, a
            generator, a column or a data frame, see :func:`~topicforge.corpus.given.read_given`; a matrix
            of counts; or a corpus, with its words and labels.
        output: the corpus folder; ``None``: nothing is written and the corpus stays in memory.
        vectorizer: how texts are cut into words: ``"en"``, ``"zh"``, ``"any"``, an :class:`Analyzer`, or
            an unfitted scikit-learn vectoriser. ``None``: as the named corpus has it, else ``"en"``.
        vocabulary: words in column order, or a file with one per line. For counts it names the
            columns; for texts it fixes them, and then there is nothing for ``pruning`` to choose.
        labels: N labels, or a file with one per line, empty where a document has none.
        reading: format, columns, encoding, see :class:`Reading`.
        pruning: which words stay, see :class:`Pruning`. Limits that are not given are its defaults for
            texts, as at a fit; of counts no column is left out for them.
        shards: build in pieces, see :class:`Shards`.
        drop_empty: leave documents without a word out, with their labels, once the vocabulary is
            settled; ``corpus.rows`` holds which stayed. ``None``: only ``python-docs`` does.
        name: what to call the corpus; ``None``: after the source.

    Raises:
        CorpusError: unreadable, truncated, inconsistent or empty input; labels of another length.
        OptionError: an option that does not fit the source or its own domain.
        MissingExtraError: an optional library is missing.
    """
    read: Reading = group(Reading, reading, "reading")
    pieces: Shards | None = None if shards is None else group(Shards, shards, "shards")
    if pieces is not None and output is None:
        raise OptionError("shards write a corpus folder piece by piece: say where with output")
    if (texts is None) == (source is None):
        raise OptionError("build_corpus: either source or texts must be given, a path or documents")
    if texts is not None and pieces is not None:
        raise OptionError("build_corpus: shards are built from files: write the texts to one")
    named = _named(source) if texts is None else _in_memory(texts)
    source = named if source is None else source
    if named is not None:
        defaults = named.defaults()
        vectorizer = defaults.get("vectorizer") if vectorizer is None else vectorizer
        drop_empty = defaults.get("drop_empty") if drop_empty is None else drop_empty
        pruning = {**defaults.get("pruning", {}), **pruning} if isinstance(pruning, Mapping) else (
            pruning or defaults.get("pruning")
        )  # fmt: skip
    limits: Pruning | None = None if pruning is None else group(Pruning, pruning, "pruning")
    path = _called(source)
    where = str(path) if named is None else named.name
    title = name or (path.stem if named is None else named.name)
    paths: list[Path] = []
    reader: ReaderSpec | None = None
    try:
        if named is None:
            paths, reader = files_and_reader(source, read.format)
        are_texts = (named or reader).gives == "texts"  # type: ignore[union-attr]
        words = _words(vocabulary, read.encoding)
        described = {
            "source": path.name if named is None else named.name,
            **({"files": len(paths)} if len(paths) > 1 else {}),
            "read_as": "texts" if are_texts else "counts",
        }
        if not are_texts:
            if pieces is not None or vectorizer is not None:
                raise OptionError(
                    f"{where}: is counts, not texts; leave shards and vectorizer out (stop words to "
                    "leave out of counts are given with pruning)"
                )
            if words is not None:
                read = replace(read, vocab_size=len(words), side_vocabulary=False)
            corpus = (
                corpus_of(named.read(), where) if named is not None
                else read_counts(paths[0], replace(read, format=reader))
            )  # fmt: skip
            corpus = replace(corpus, vocabulary=corpus.vocabulary if words is None else words)
            chosen: dict[str, Any] = {"vocabulary": "given"}
            if limits is not None:
                # columns are the owner's choice: only what is said is left out
                limits = replace(
                    limits,
                    min_df=1 if limits.min_df is None else limits.min_df,
                    max_df=1.0 if limits.max_df is None else limits.max_df,
                )
                counts, kept = prune(corpus.counts, corpus.vocabulary, limits)
                chosen = limits.limits(counts.n_documents)
                corpus = replace(corpus, counts=counts, vocabulary=kept)
            corpus = replace(corpus, description={**described, **corpus.description, **chosen})
        else:
            documents = partial(_documents, named, paths, replace(read, format=reader))
            fresh = _vectorizer(vectorizer, words, limits, where)
            analyzer = Analyzer.of(fresh)
            if words is not None and analyzer is not None:
                _name_unreachable(analyzer, words, where)
            if analyzer is not None:
                described["language"] = analyzer.language
            if pieces is not None and output is not None:
                if not isinstance(fresh, WordVectorizer):
                    raise OptionError(
                        f"{where}: shards are cut by an Analyzer, got a {type(fresh).__name__}"
                    )
                if pieces.hash_buckets and (words is not None or limits is not None):
                    raise OptionError(
                        "hash_buckets fixes the columns, so vocabulary and pruning must be left out"
                    )
                return build_shards(Task(
                    documents=documents,
                    fingerprint=_fingerprint(named, paths, read),
                    target=Path(output),
                    analyzer=fresh.analyzer,
                    vocabulary=words,
                    pruning=limits or Pruning(),
                    shards=pieces,
                    drop_empty=bool(drop_empty),
                    labels=labels,
                    encoding=read.encoding,
                    name=title,
                    description={**described, "shard_documents": pieces.documents},
                    where=where,
                ))  # fmt: skip
            corpus = _counted(documents(), fresh, where, described)
        if labels is not None:
            if corpus.labels is not None:
                raise OptionError(
                    f"{where}: has labels of its own, so other labels can't be given too"
                )
            corpus = replace(corpus, labels=_labels(labels, corpus.n_documents, read.encoding))
        corpus = replace(corpus, name=title)
        if corpus.counts.n_entries == 0:
            raise CorpusError(
                f"{where}: at least one document must have a word, but all {corpus.n_documents} "
                "documents are empty"
            )
        if drop_empty:
            corpus = _without_empty(corpus)
    except CorpusError:
        raise
    except InputError as error:
        raise CorpusError(f"{where}: {error}") from error
    return corpus if output is None else Corpus.open(corpus.save(output))


def _called(source: Any) -> Path:
    """What messages and the corpus call a source: of several files their common folder."""
    if isinstance(source, CorpusSpec):
        return Path(source.name)
    if isinstance(source, str | os.PathLike):
        path = Path(source)
        several = not path.exists() and has_magic(os.fspath(source))
        return Path(os.path.abspath(path.parent)) if several else path
    if len(source) == 1:
        return _called(source[0])
    return Path(os.path.commonpath([os.path.abspath(one) for one in source] or ["."]))


def _named(source: Any) -> CorpusSpec | None:
    if isinstance(source, CorpusSpec):
        return source
    if not isinstance(source, str | os.PathLike):
        return _named(source[0]) if len(source) == 1 else None
    text = os.fspath(source)
    if text in CORPORA:
        return CORPORA[text]
    path = Path(text)
    if path.name == text and not path.suffix and not path.exists() and not has_magic(text):
        raise CorpusError(
            f"{text}: there is no such file or folder, and no corpus of that name; the built-in ones are "
            f"{', '.join(CORPORA)}.{did_you_mean(text, CORPORA)}"
        )
    return None


def _in_memory(texts: Any) -> CorpusSpec:
    """Documents of this process as a corpus of the name ``texts``."""
    where = "build_corpus"
    if isinstance(texts, Corpus):
        table = CountTable(texts.counts.to_scipy(), texts.labels, texts.vocabulary)
        return CorpusSpec("texts", lambda: table, summary="a corpus in memory", gives="counts")
    given = None if isinstance(texts, Counts) else read_given(without_torch(texts), where)
    if given is None or given.kind == "bags":
        matrix = texts if given is None else given.matrix(None, where)
        return CorpusSpec(
            "texts", lambda: CountTable(matrix), summary="counts in memory", gives="counts"
        )
    rows = given.texts()
    tokens = {"vectorizer": Analyzer.of_tokens()} if given.kind == "tokens" else {}
    return CorpusSpec(
        "texts",
        lambda: ((text, None) for text in rows),
        summary="texts in memory",
        defaults=lambda: tokens,
    )


def _documents(
    named: CorpusSpec | None, paths: list[Path], reading: Reading
) -> Iterator[tuple[str, str | None]]:
    return read_texts(paths, reading) if named is None else checked(named.read(), named.name)


def _words(vocabulary: Any, encoding: str) -> tuple[str, ...] | None:
    if vocabulary is None:
        return None
    if isinstance(vocabulary, str | os.PathLike):
        return read_vocabulary(Path(vocabulary), encoding=encoding)
    return check_vocabulary(vocabulary, None, "build_corpus")


def _labels(labels: Any, n_documents: int, encoding: str) -> tuple[str | None, ...] | None:
    where = "build_corpus"
    if isinstance(labels, str | os.PathLike):
        where, labels = str(labels), read_lines(Path(labels), encoding)
    return check_labels(labels, n_documents, where)


def _vectorizer(
    chosen: Any, words: tuple[str, ...] | None, limits: Pruning | None, where: str
) -> Any:
    """Return the unfitted vectoriser of texts."""
    if words is not None and limits is not None:
        raise OptionError(f"{where}: vocabulary fixes the words, so pruning must be left out")
    if limits is not None and limits.stop_words is not None:
        raise OptionError(
            f"{where}: stop words of texts are the vectoriser's: Analyzer(stop_words=...)"
        )
    if chosen is None or isinstance(chosen, str):
        chosen = Analyzer(chosen or "en")
    if isinstance(chosen, Analyzer):
        return WordVectorizer(chosen, pruning=limits, vocabulary=words and list(words))
    if not hasattr(chosen, "fit_transform") or not hasattr(chosen, "set_params"):
        raise OptionError(
            "vectorizer must be 'en', 'zh', 'any', an Analyzer or a scikit-learn vectoriser, got a "
            f"{type(chosen).__name__}"
        )
    if limits is not None:
        raise OptionError(f"{where}: a vectoriser has limits of its own, so leave pruning out")
    fresh = clone(chosen)
    return fresh if words is None else fresh.set_params(vocabulary=list(words))


def _name_unreachable(analyzer: Analyzer, words: tuple[str, ...], where: str) -> None:
    lost = analyzer.unreachable(words)
    if not lost:
        return
    shown = ", ".join(lost[:5]) + (", ..." if len(lost) > 5 else "")
    said = (
        f"{where}: {len(lost)} of the {len(words)} words of the vocabulary can't be counted, because "
        f"texts are not cut into them ({shown}); give the vectoriser that the vocabulary was made with "
        "(its language, phrases, case and pattern)"
    )
    if len(lost) == len(words):
        raise CorpusError(said)
    warnings.warn(said, stacklevel=3)


def _fingerprint(named: CorpusSpec | None, paths: list[Path], reading: Reading) -> dict[str, Any]:
    """What must be the same for a stopped build to go on."""
    read = str(replace(reading, format=None))
    if named is not None:
        return {"name": named.name, "python": sys.version, "read": read}
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
        "read": read,
    }


def _counted(
    documents: Iterator[tuple[str, str | None]],
    vectorizer: Any,
    where: str,
    described: Mapping[str, Any],
) -> Corpus:
    labels: list[str | None] = []

    def texts() -> Iterator[str]:
        for text, label in documents:
            labels.append(label)
            yield text

    fixed = vectorizer.vocabulary is not None
    counts = Counts.from_matrix(vectorizer.fit_transform(texts()), where)
    limits: Mapping[str, Any] = {}
    if isinstance(vectorizer, WordVectorizer):
        pruning = vectorizer.pruning or Pruning()
        limits = {"vocabulary": "given"} if fixed else pruning.limits(counts.n_documents)
    return Corpus(
        counts,
        tuple(str(word) for word in vectorizer.get_feature_names_out()),
        None if all(label is None for label in labels) else tuple(labels),
        description={**described, **limits},
        analyzer=Analyzer.of(vectorizer),
    )


def _without_empty(corpus: Corpus) -> Corpus:
    rows = np.flatnonzero(corpus.counts.lengths())
    return replace(
        corpus,
        counts=corpus.counts.select(rows),
        labels=None if corpus.labels is None else tuple(corpus.labels[i] for i in rows),
        description={
            **corpus.description, "dropped_empty_documents": corpus.n_documents - len(rows)
        },
        rows=rows,
    )  # fmt: skip
