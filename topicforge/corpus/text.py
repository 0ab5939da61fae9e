"""From texts to counts: scikit-learn's CountVectorizer with an analyser that can be saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sklearn.feature_extraction.text import CountVectorizer

from topicforge.corpus.analyzer import Analyzer
from topicforge.corpus.counts import Counts
from topicforge.corpus.pruning import Pruning
from topicforge.corpus.words import check_vocabulary
from topicforge.errors import InputError, TopicForgeError


class WordVectorizer(CountVectorizer):  # type: ignore[misc]
    """scikit-learn's CountVectorizer, cut by an :class:`Analyzer`, pruned by a :class:`Pruning`.

    Limits that are not given depend on the number of texts, for ``fit`` as for a corpus that is built.

    Args:
        analyzer: how texts are cut.
        pruning: which words stay at a fit.
        vocabulary: words in column order; then it transforms at once, without a fit.
    """

    def __init__(
        self,
        analyzer: Analyzer | None = None,
        *,
        pruning: Pruning | None = None,
        vocabulary: Sequence[str] | None = None,
    ) -> None:
        # the analyser folds case; with lowercase scikit-learn warns of capitals in the vocabulary
        super().__init__(analyzer=analyzer or Analyzer(), lowercase=False, vocabulary=vocabulary)
        self.pruning = pruning

    def fit_transform(self, raw_documents: Iterable[str], y: Any = None) -> Any:
        """Count texts and settle the vocabulary; (N, V) sparse counts.

        Raises:
            InputError: no text, something that is no string, or no word left.
            OptionError: a limit outside its domain.
        """
        where = type(self).__name__
        if isinstance(raw_documents, str):
            raise InputError(f"{where}: texts must be a sequence of texts, got one string")
        texts = _Checked(raw_documents, where)
        self.analyzer("")  # what it lacks (jieba) is said now, rather than in the middle
        try:
            matrix = super().fit_transform(texts, y)
        except TopicForgeError:
            raise
        except ValueError as error:
            if texts.n == 0:
                raise InputError(f"{where}: at least one text is needed, got none") from error
            raise InputError(
                f"{where}: no words are left of {texts.n} texts ({error}); choose the language they are "
                "written in, or another token_pattern"
            ) from error
        if self.vocabulary is not None:
            return matrix
        words = self.get_feature_names_out()
        kept = (self.pruning or Pruning()).columns(Counts.from_matrix(matrix, where), words)
        self.vocabulary_ = {str(words[column]): i for i, column in enumerate(kept)}
        return matrix if len(kept) == len(words) else matrix[:, kept]


def vectorizer(
    language: str | Analyzer = "en",
    *,
    vocabulary: Sequence[str] | None = None,
    pruning: Pruning | None = None,
    **settings: Any,
) -> WordVectorizer:
    """Return the vectoriser of a language, not fitted.

    With ``vocabulary`` (that of a saved model or corpus) it transforms at once, without a fit.

    Args:
        language: see :class:`Analyzer`, or an analyser.
        vocabulary: words in column order; fixes the columns.
        pruning: which words stay at a fit, see :class:`Pruning`.
        **settings: other fields of :class:`Analyzer`.

    Raises:
        OptionError: see :class:`Analyzer`.
        InputError: see :func:`~topicforge.corpus.words.check_vocabulary`.
    """
    if isinstance(language, Analyzer):
        analyzer = replace(language, **settings)
    else:
        analyzer = Analyzer(language, **settings)
    words = None
    if vocabulary is not None:
        words = list(check_vocabulary(vocabulary, None, "vectorizer", phrases=True))
    return WordVectorizer(analyzer, pruning=pruning, vocabulary=words)


class _Checked:
    """Texts on their way, counted and checked to be strings."""

    def __init__(self, texts: Iterable[str], where: str) -> None:
        self.n = 0
        self._texts = texts
        self._where = where

    def __iter__(self) -> Iterator[str]:
        for text in self._texts:
            if not isinstance(text, str):
                raise InputError(
                    f"{self._where}: text {self.n} must be a string, got a {type(text).__name__}"
                )
            self.n += 1
            yield text
