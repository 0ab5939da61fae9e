"""What users hand to fit and transform -> checked documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from sklearn.base import clone
from sklearn.utils.validation import check_array, validate_data

from topicforge.corpus import Corpus, Counts
from topicforge.corpus.words import check_vocabulary
from topicforge.errors import InputError
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
    """

    documents: Documents
    vocabulary: tuple[str, ...] | None
    vectorizer: Any = None
    feature_names: Any = None
    texts: Sequence[Any] | None = None


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
        return Input(Documents(counts), _vocabulary(model, counts, words, where), kept)
    texts = _texts(X, model.vectorizer, where)
    if texts is not None:
        return _read_texts(model, texts, fitting, where)
    # a matrix: scikit-learn's checks and bookkeeping, on a copy since ours may still refuse it
    seen = copy(model)
    try:
        X = validate_data(
            seen, _without_torch(X), reset=fitting, accept_sparse="csr", dtype="numeric",
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


def _without_torch(X: Any) -> Any:
    """A tensor, sparse ones too, as numpy or scipy has it."""
    if not isinstance(X, torch.Tensor):
        return X
    X = X.detach().cpu()
    if X.layout is torch.strided:
        return X.numpy()
    X = X.to_sparse_coo().coalesce()
    return sp.coo_array((X.values().numpy(), X.indices().numpy()), shape=tuple(X.shape)).tocsr()


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


def _texts(X: Any, vectorizer: Any, where: str) -> list[Any] | None:
    """The documents where X is a column of texts; ``None`` where it is a matrix.

    A list, a tuple, a data frame's column, an array of one dimension and a generator are columns.

    Raises:
        InputError: one string; no document; or a row that is no text. The message names the row.
    """
    if sp.issparse(X) or isinstance(X, torch.Tensor):
        return None
    if isinstance(X, (str, bytes, Mapping)):
        raise InputError(
            f"{where}: X must be a list of texts or a matrix of counts, got a {type(X).__name__}; for a "
            "single document pass a list of one text"
        )
    if hasattr(X, "columns") and hasattr(X, "dtypes"):
        for name in X.columns:
            if any(isinstance(value, str) for value in list(X[name])[:100]):
                raise InputError(
                    f"{where}: X must be texts or a matrix of counts, got a data frame whose column {name!r} "
                    f"holds text; pass that column: X[{name!r}]"
                )
        return None
    shape = getattr(X, "shape", None)
    if not isinstance(X, Iterable) or (shape and len(shape) != 1):
        return None
    texts = list(X)
    if not texts:
        raise InputError(f"{where}: at least one document is needed, got none (0 samples)")
    if not any(isinstance(text, str) for text in texts):
        tokens = next((row for row in texts if isinstance(row, (list, tuple, np.ndarray))), ())
        if not any(isinstance(token, str) for token in tokens):
            return None
        if not is_language(vectorizer):
            return texts
        raise InputError(
            f"{where}: the documents are lists of tokens; to count the tokens as they are pass "
            "vectorizer=CountVectorizer(analyzer=list) of scikit-learn, or hand in texts: "
            "[' '.join(tokens) for tokens in X]"
        )
    odd = next((row for row, text in enumerate(texts) if not isinstance(text, str)), None)
    if odd is not None:
        raise InputError(
            f"{where}: every document must be a text, but document {odd} is {texts[odd]!r}, a "
            f"{type(texts[odd]).__name__}; leave it out, or put a text in its place ('' for an empty one)"
        )
    return texts


def _read_texts(model: Any, X: Sequence[Any], fitting: bool, where: str) -> Input:
    if fitting:
        from topicforge.corpus import vectorizer  # scikit-learn's text module: only for texts

        chosen = model.vectorizer
        fitted = vectorizer(chosen or "en") if is_language(chosen) else clone(chosen)
        try:
            matrix = fitted.fit_transform(X)
        except ValueError as error:
            raise InputError(
                f"{where}: the vectoriser found no words in {len(X)} texts: {error}"
            ) from error
        if not hasattr(fitted, "get_feature_names_out"):
            # columns of hashes have no names
            return Input(Documents(Counts.from_matrix(matrix, where)), None, fitted, texts=X)
        words = tuple(str(w) for w in fitted.get_feature_names_out())
        return Input(Documents(Counts.from_matrix(matrix, where)), words, fitted, texts=X)
    fitted = getattr(model, "vectorizer_", None)
    if fitted is None:
        raise InputError(
            f"{where}: the model was fitted to counts, so texts can't be turned into its columns; pass "
            "counts over its vocabulary (CountVectorizer(vocabulary=model.vocabulary_))"
        )
    counts = Counts.from_matrix(fitted.transform(X), where)
    return Input(Documents(counts), model.vocabulary_, fitted, texts=X)


def words_left_out(model: Any, X: Any) -> list[str]:
    """Return the words of texts that the fitted vectoriser has no column for, most frequent first.

    Args:
        model: fitted to texts.
        X: what was handed in; of anything but texts nothing is left out.
    """
    fitted: Any = getattr(model, "vectorizer_", None)
    texts = None if isinstance(X, (Corpus, Counts)) else _texts(X, model.vectorizer, "")
    if texts is None or not hasattr(fitted, "vocabulary_"):
        return []
    analyse = fitted.build_analyzer()
    found = Counter(word for text in texts for word in analyse(text))
    return [word for word, _ in found.most_common() if word not in fitted.vocabulary_]
