"""What users hand to fit and transform -> checked documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from sklearn.utils.validation import check_array, validate_data

from topicforge.corpus import Analyzer, Corpus, Counts
from topicforge.corpus.counts import without_torch
from topicforge.corpus.given import Given, read_given
from topicforge.corpus.words import check_vocabulary
from topicforge.errors import InputError
from topicforge.registry import default_registry
from topicforge.training import Documents


@dataclass(frozen=True)
class Input:
    """Documents, and where they came with words, the words.

    Args:
        documents: N documents over V words.
        vocabulary: V words in column order, or ``None``.
        vectorizer: the fitted vectoriser where texts came in, else ``None``.
        feature_names: column names where a data frame came in, else ``None``.
        texts: N texts where such came in, else ``None``.
        first_index: number of the first word in the svmlight file that a corpus was read from.
    """

    documents: Documents
    vocabulary: tuple[str, ...] | None
    vectorizer: Any = None
    feature_names: Any = None
    texts: Sequence[Any] | None = None
    first_index: int | None = None


def read_input(model: Any, X: Any, features: Any = None, *, fitting: bool) -> Input:
    """Check X and the features beside it.

    Args:
        model: the TopicModel; it is looked at and stays as it is.
        X: a Corpus, Counts, a column of texts, or a matrix.
        features: (N, F) array, or ``None``.
        fitting: True in fit: a vectoriser is fitted; else the width must be the fit's.

    Raises:
        InputError: not usable; the message says why.
    """
    where = "TopicModel.fit" if fitting else "TopicModel.transform"
    read = _read_counts(model, X, where, fitting=fitting)
    if features is None and model.embedder is not None:
        features = embed(model.embedder, read.texts, where)
    given = _features(features, len(read.documents), where)
    if not fitting:
        _check_features(given, model.network_.context.n_features, where)
    return replace(read, documents=Documents(read.documents.counts, given))


def _read_counts(model: Any, X: Any, where: str, *, fitting: bool) -> Input:
    if isinstance(X, (Corpus, Counts)):
        counts = X.counts if isinstance(X, Corpus) else X
        words = X.vocabulary if isinstance(X, Corpus) else None
        if counts.n_documents == 0:
            raise InputError(f"{where}: at least one document is needed, got none")
        if not fitting:
            _check_width(where, counts, model.n_features_in_)
        kept = _kept(model, fitting)
        if fitting and isinstance(X, Corpus) and X.analyzer is not None and words is not None:
            from topicforge.corpus import vectorizer  # scikit-learn's text module: only for texts

            kept = vectorizer(X.analyzer, vocabulary=words)
        first = X.description.get("first_index") if isinstance(X, Corpus) else None
        chosen = _vocabulary(model, counts, words, where)
        return Input(Documents(counts), chosen, kept, first_index=first)
    given = None if isinstance(X, torch.Tensor) else read_given(X, where)
    if given is not None and given.kind == "bags":
        width = model.n_features_in_ if not fitting else None
        if fitting and model.vocabulary is not None:
            width = len(check_vocabulary(model.vocabulary, None, where, phrases=True))
        counts = Counts.from_matrix(given.matrix(width, where), where)
        return Input(
            Documents(counts), _vocabulary(model, counts, None, where), _kept(model, fitting)
        )
    if given is not None:
        return _read_texts(model, given, fitting, where)
    # a matrix: scikit-learn's checks and bookkeeping, on a copy since ours may still refuse it
    seen = copy(model)
    try:
        X = validate_data(
            seen, without_torch(X), reset=fitting, accept_sparse="csr", dtype="numeric",
            ensure_all_finite=True,
        )  # fmt: skip
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: {error}") from error
    counts = Counts.from_matrix(X, where)
    names = getattr(seen, "feature_names_in_", None)
    words = None if names is None else tuple(str(name) for name in names)
    return Input(
        Documents(counts), _vocabulary(model, counts, words, where), _kept(model, fitting), names
    )


def _kept(model: Any, fitting: bool) -> Any:
    return None if fitting else getattr(model, "vectorizer_", None)


def _vocabulary(
    model: Any, counts: Counts, words: Sequence[str] | None, where: str
) -> tuple[str, ...] | None:
    if where.endswith("transform"):
        return _known_words(model, words, where)
    chosen = model.vocabulary if model.vocabulary is not None else words
    return (
        None if chosen is None else check_vocabulary(chosen, counts.vocab_size, where, phrases=True)
    )


def _known_words(model: Any, words: Sequence[str] | None, where: str) -> tuple[str, ...] | None:
    """The fit's words; X's own, where it brought some, must be the same."""
    known: tuple[str, ...] | None = model.vocabulary_
    if known is None or words is None or model.vocabulary is not None or known == tuple(words):
        return known
    column = next(i for i, (a, b) in enumerate(zip(known, words, strict=True)) if a != b)
    raise InputError(
        f"{where}: the columns of X must be the words of the fit, but column {column} is "
        f"{words[column]!r} in X and {known[column]!r} in the fit; build X with the fit's vocabulary"
    )


def embed(embedder: Any, texts: Sequence[Any] | None, where: str) -> Any:
    """Return features of texts.

    Args:
        embedder: the model's.
        texts: N texts; ``None`` where counts came in.
        where: for errors.

    Raises:
        InputError: there are no texts.
        UnknownNameError: no embedder has this name.
    """
    if texts is None:
        raise InputError(
            f"{where}: embedder={embedder!r} reads texts, but X holds counts; hand in texts, or the features "
            "themselves: features=..."
        )
    if not isinstance(embedder, str):
        return embedder(texts)
    name, _, argument = embedder.partition(":")
    return default_registry().find("embedder", name).function(texts, argument)


def _features(features: Any, n_documents: int, where: str) -> Any:
    if features is None:
        return None
    try:
        # floating point stays as it is, a memory map too
        checked = check_array(
            features, dtype=[np.float32, np.float64, np.float16], input_name="features"
        )
    except (ValueError, TypeError) as error:
        raise InputError(f"{where}: features must be finite numbers, (N, F): {error}") from error
    if len(checked) != n_documents:
        raise InputError(
            f"{where}: features must have a row for each of the {n_documents} documents, got "
            f"{len(checked)} rows"
        )
    return checked


def _check_features(features: Any, width: int, where: str) -> None:
    got = 0 if features is None else features.shape[1]
    if got != width:
        raise InputError(
            f"{where}: features must have the fit's {width} columns, got {got}"
            + ("; hand them in: features=..." if not got else "")
        )


def _check_width(where: str, counts: Counts, width: int) -> None:
    if counts.vocab_size != width:
        raise InputError(
            f"{where}: X has {counts.vocab_size} features, but TopicModel is expecting {width} "
            "features as input; count with the vocabulary of the fit"
        )


def is_language(vectorizer: Any) -> bool:
    """Whether the ``vectorizer`` parameter names a language; ``None`` stands for ``en``."""
    return vectorizer is None or isinstance(vectorizer, str)


def _read_texts(model: Any, given: Given, fitting: bool, where: str) -> Input:
    # a vectoriser of the user's own knows what it is fed
    texts = given.texts() if is_language(model.vectorizer) else given.rows
    if fitting:
        from topicforge.corpus import vectorizer  # scikit-learn's text module: only for texts

        chosen = model.vectorizer
        if chosen is None:
            chosen = Analyzer.of_tokens() if given.kind == "tokens" else "en"
        fitted = vectorizer(chosen) if is_language(model.vectorizer) else clone(chosen)
        try:
            matrix = fitted.fit_transform(texts)
        except ValueError as error:
            raise InputError(
                f"{where}: the vectoriser found no words in {len(texts)} texts: {error}"
            ) from error
        words = None
        if hasattr(fitted, "get_feature_names_out"):  # columns of hashes have no names
            words = tuple(str(w) for w in fitted.get_feature_names_out())
        return Input(Documents(Counts.from_matrix(matrix, where)), words, fitted, texts=texts)
    fitted = getattr(model, "vectorizer_", None)
    if fitted is None:
        raise InputError(
            f"{where}: the model was fitted to counts, so texts can't be turned into its columns; pass "
            "counts over its vocabulary (CountVectorizer(vocabulary=model.vocabulary_)), or tell it how "
            "they were counted: model.set_vocabulary(vectorizer)"
        )
    counts = Counts.from_matrix(fitted.transform(texts), where)
    return Input(Documents(counts), model.vocabulary_, fitted, texts=texts)


def words_left_out(model: Any, texts: Sequence[Any] | None) -> list[str]:
    """Return the words of texts that the fitted vectoriser has no column for, most frequent first.

    Args:
        model: fitted to texts.
        texts: what was read; ``None``: counts, of which nothing is left out.
    """
    fitted: Any = getattr(model, "vectorizer_", None)
    if texts is None or not hasattr(fitted, "vocabulary_"):
        return []
    analyse = fitted.build_analyzer()
    found = Counter(word for text in texts for word in analyse(text))
    return [word for word, _ in found.most_common() if word not in fitted.vocabulary_]
