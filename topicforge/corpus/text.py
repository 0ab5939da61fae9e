"""From texts to counts: scikit-learn's CountVectorizer, with what topic models need around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from sklearn.feature_extraction.text import CountVectorizer

from topicforge.corpus.counts import Counts
from topicforge.corpus.stop_words import stop_words_of
from topicforge.errors import CorpusError, InputError, OptionError, did_you_mean

LANGUAGES = ("en", "zh")
#: a letter, then letters and digits (co2, x86), two and more in all: numbers and single letters are
#: no subject matter; an underscore separates, as white space does
WORD = r"(?u)(?<![^\W_])[^\W\d_][^\W_]+"


class WordVectorizer(CountVectorizer):  # type: ignore[misc]
    """scikit-learn's CountVectorizer whose phrases are joined by ``_`` instead of a space.

    A topic is written as words with spaces between them, so a word must not hold one. Everything
    else, parameters and attributes included, is CountVectorizer's.
    """

    def build_analyzer(self) -> Callable[[Any], list[str]]:
        """Return CountVectorizer's analyser; word n-grams come as ``new_york``."""
        analyze: Callable[[Any], list[str]] = super().build_analyzer()
        if self.analyzer != "word" or tuple(self.ngram_range) == (1, 1):
            return analyze
        return lambda document: [word.replace(" ", "_") for word in analyze(document)]


def vectorizer(
    language: str | None = "en",
    *,
    stop_words: str | Sequence[str] | None = "language",
    min_df: int | float = 1,
    max_df: int | float = 1.0,
    max_features: int | None = None,
    ngram_range: tuple[int, int] = (1, 1),
    token_pattern: str | None = None,
    lowercase: bool = True,
    vocabulary: Sequence[str] | None = None,
) -> WordVectorizer:
    r"""Return the CountVectorizer of a language, not fitted.

    With ``vocabulary`` (that of a saved model or corpus) it transforms at once, without a fit.

    Args:
        language: ``en``: words of two letters and digits or more, a letter first, and English stop
            words; ``zh``: the same of jieba's segments (the extra ``zh``) and Chinese stop words;
            ``None``: the same for any script that separates its words, and no stop words.
        stop_words: ``"language"`` for the language's own, a sequence of words, or ``None``.
        min_df: least documents a word occurs in: a number, or a share below 1.0 as a float.
        max_df: most documents, likewise.
        max_features: keep the most frequent words only.
        ngram_range: shortest and longest phrase, in words, joined by ``_``.
        token_pattern: regular expression of a word, instead of the language's; for texts that are
            segmented already ``\S+``.
        lowercase: fold case first.
        vocabulary: words in column order; fixes the columns.

    Raises:
        OptionError: unknown language, a pattern that is no regular expression, a phrase length below
            one.
        MissingExtraError: ``zh`` without jieba.
    """
    if language is not None and language not in LANGUAGES:
        raise OptionError(
            f"vectorizer: language must be one of {', '.join(LANGUAGES)} or None, got {language!r}."
            f"{did_you_mean(language, LANGUAGES)} For another language use None with your own "
            "stop_words and, if it needs one, token_pattern"
        )
    shortest, longest = _ngram_range(ngram_range)
    stops = set(stop_words_of(language, stop_words))
    segmenter = None
    if language == "zh" and token_pattern is None:
        from topicforge.corpus.chinese import Segmenter, load_jieba

        load_jieba()  # now, rather than in the middle of a corpus
        segmenter = Segmenter(sorted(stops))
        # filtered by the segmenter, since CountVectorizer would warn of stop words that are
        # segmented into parts when they stand alone
        stops = set()
    else:
        token_pattern = _pattern(token_pattern)
        # what the pattern makes of them ("don't" -> "don"), or they would never match a word
        folded = {word.lower() for word in stops} if lowercase else set()
        stops |= folded.union(*(re.findall(token_pattern, word) for word in stops | folded))
    return WordVectorizer(
        lowercase=lowercase,
        tokenizer=segmenter,
        token_pattern=token_pattern,
        stop_words=sorted(stops) or None,
        ngram_range=(shortest, longest),
        min_df=min_df,
        max_df=max_df,
        max_features=max_features,
        vocabulary=None if vocabulary is None else list(vocabulary),
    )


def build_vocabulary_and_counts(
    texts: Iterable[str], language: str | None = "en", **options: Any
) -> tuple[tuple[str, ...], Counts]:
    """Count the words of texts in one pass and return the vocabulary (sorted) and the counts.

    Column i of the counts is word i. A text without any word of the vocabulary stays as an empty
    document.

    Args:
        texts: N strings; an iterator is read once and not kept.
        language: see :func:`vectorizer`.
        **options: see :func:`vectorizer`.

    Raises:
        InputError: no text, something that is no string, or no word left.
        OptionError: see :func:`vectorizer`.
    """
    return count_words(vectorizer(language, **options), texts)


def count_words(fresh: WordVectorizer, texts: Iterable[str]) -> tuple[tuple[str, ...], Counts]:
    """Fit a vectoriser; see :func:`build_vocabulary_and_counts`."""
    where = "build_vocabulary_and_counts"
    if isinstance(texts, str):
        raise InputError(f"{where}: texts must be a sequence of texts, got one string")
    checked = _Checked(texts, where)
    try:
        matrix = fresh.fit_transform(checked)
    except CorpusError:
        raise
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        if checked.n == 0:
            raise InputError(f"{where}: at least one text is needed, got none") from error
        raise InputError(
            f"{where}: no words are left of {checked.n} texts ({error}); lower min_df, raise max_df, "
            "or choose the language the texts are written in"
        ) from error
    return tuple(str(word) for word in fresh.get_feature_names_out()), Counts.from_matrix(
        matrix, where
    )


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


def _pattern(pattern: str | None) -> str:
    if pattern is None:
        return WORD
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise OptionError(
            f"vectorizer: token_pattern must be a regular expression, {pattern!r} is none: {error}"
        ) from error
    if compiled.groups > 1:
        raise OptionError(
            f"vectorizer: token_pattern must have at most one group (what it captures is the word), "
            f"{pattern!r} has {compiled.groups}; write (?:...) for the others"
        )
    return pattern


def _ngram_range(ngram_range: tuple[int, int]) -> tuple[int, int]:
    ends = tuple(ngram_range)
    if len(ends) != 2 or not all(isinstance(n, int) for n in ends) or not 1 <= ends[0] <= ends[1]:
        raise OptionError(
            f"vectorizer: ngram_range must be (shortest, longest) with 1 <= shortest <= longest, got "
            f"{ngram_range!r}"
        )
    return ends[0], ends[1]
