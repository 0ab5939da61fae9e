"""How a text is cut into words: a record that a corpus and a model keep, and that cuts."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property, lru_cache
from typing import Any, Literal

from topicforge.corpus.stop_words import stop_words_of
from topicforge.errors import InputError, OptionError, did_you_mean

LANGUAGES = ("en", "zh", "any")


@lru_cache(maxsize=2)
def word_pattern(last: int = 0xFFFF) -> re.Pattern[str]:
    r"""Return the regular expression of a word: a letter, then letters, digits and marks, two and more.

    Numbers and single letters are no subject matter. Combining marks (Devanagari vowel signs, Arabic
    diacritics) and the joiners U+200C and U+200D belong to the word, as in Unicode's word boundaries
    (UAX 29); Python's ``\w`` leaves them out. The underscore that it takes in is a space by then.

    Args:
        last: highest code point of a text. Marks beyond U+FFFF (Adlam, Chakma) make Python's regular
            expressions five times slower, for they are no longer looked up in a table.
    """
    points = [p for p in range(0x300, min(last, 0x1FFFF)) if unicodedata.category(chr(p))[0] == "M"]
    return re.compile(rf"(?<!\w)[^\W\d_][\w{''.join(map(chr, points))}\u200c\u200d]+")


@dataclass(frozen=True)
class Analyzer:
    r"""Text -> words. scikit-learn takes it as ``CountVectorizer(analyzer=Analyzer())``.

    The text is folded to lower case and normalised, cut into words, stop words are left out, and
    words that then follow each other make phrases, joined by ``_``.

    Args:
        language: ``en``: words of two letters and digits or more, a letter first, and English stop
            words; ``zh``: the same of jieba's segments (the extra ``zh``) and Chinese stop words;
            ``any``: the same for any script that separates its words, and no stop words.
        stop_words: ``"language"`` for the language's own, a sequence of words, or ``None``.
        token_pattern: regular expression of a word, instead of the language's; for texts that are
            segmented already ``\S+``.
        lowercase: fold case first.
        ngram_range: shortest and longest phrase, in words.
        normalize: Unicode normalisation, ``NFC`` or ``NFKC``: a letter with an accent is one
            character, however it was typed. Soft hyphens are left out. ``None``: texts stay as they
            are.

    Raises:
        OptionError: unknown language or normalisation, a pattern that is no regular expression, a
            phrase length below one.
    """

    language: str = "en"
    stop_words: Literal["language"] | tuple[str, ...] = "language"
    token_pattern: str | None = None
    lowercase: bool = True
    ngram_range: tuple[int, int] = (1, 1)
    normalize: Literal["NFC", "NFKC"] | None = "NFC"

    def __post_init__(self) -> None:
        if self.language not in LANGUAGES:
            raise OptionError(
                f"vectorizer: language must be one of {', '.join(LANGUAGES)}, got {self.language!r}."
                f"{did_you_mean(str(self.language), LANGUAGES)} For another language use 'any' with "
                "your own stop_words and, if it needs one, token_pattern"
            )
        if self.normalize not in ("NFC", "NFKC", None):
            raise OptionError(
                f"vectorizer: normalize must be 'NFC', 'NFKC' or None, got {self.normalize!r}"
            )
        if self.stop_words != "language":
            chosen = tuple(stop_words_of(self.language, self.stop_words))
            object.__setattr__(self, "stop_words", chosen)
        if self.token_pattern is not None:
            _check_pattern(self.token_pattern)
        ends = tuple(self.ngram_range)
        if (
            len(ends) != 2
            or not all(isinstance(n, int) for n in ends)
            or not 1 <= ends[0] <= ends[1]
        ):
            raise OptionError(
                "vectorizer: ngram_range must be (shortest, longest) with 1 <= shortest <= longest, "
                f"got {self.ngram_range!r}"
            )
        object.__setattr__(self, "ngram_range", ends)

    def __call__(self, text: str) -> list[str]:
        """Return the words and phrases of a text.

        Raises:
            MissingExtraError: ``zh`` without jieba.
        """
        stops = self._stops
        words = [word for word in self._cut(self._fold(text)) if word not in stops]
        shortest, longest = self.ngram_range
        if longest == 1:
            return words
        return [
            "_".join(words[at : at + n])
            for n in range(shortest, longest + 1)
            for at in range(len(words) - n + 1)
        ]

    def unreachable(self, vocabulary: Iterable[str]) -> tuple[str, ...]:
        """Return the words of a vocabulary that no text has after it was cut.

        A word counts as reachable if it, or the phrase that its parts between ``_`` make, is cut
        into itself; Chinese words are held against the pattern alone, since what jieba makes of them
        depends on their neighbours.
        """
        return tuple(
            word
            for word in vocabulary
            if word not in self(word) and word not in self(word.replace("_", " "))
            and not (self._segments and self._segment_like(word))
        )  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` takes: the fields, as JSON holds them."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_json(cls, record: Any, where: str = "Analyzer") -> Analyzer:
        """Return the analyser of a record.

        Raises:
            InputError: something that :meth:`to_json` does not write.
        """
        known = {f.name for f in fields(cls)}
        if not isinstance(record, Mapping) or set(record) != known:
            raise InputError(
                f"{where}: the analyser's record must have the fields {', '.join(sorted(known))}, got "
                f"{record!r:.80}"
            )
        if not isinstance(record["lowercase"], bool):
            raise InputError(f"{where}: lowercase must be a boolean, got {record['lowercase']!r}")
        values: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in record.items()
        }
        try:
            return cls(**values)
        except (OptionError, TypeError) as error:
            raise InputError(f"{where}: the analyser's record is damaged: {error}") from error

    @classmethod
    def of_tokens(cls) -> Analyzer:
        """Return the analyser of texts whose words are separated by white space, as they are."""
        return cls("any", (), token_pattern=r"\S+", lowercase=False, normalize=None)

    @classmethod
    def of(cls, vectorizer: Any) -> Analyzer | None:
        """Return the analyser of a scikit-learn vectoriser, ``None`` if these settings can't say it.

        A CountVectorizer that cuts single words by its pattern can be told, one with a function, accents
        stripped, characters or phrases can't.
        """
        from sklearn.feature_extraction.text import CountVectorizer

        if isinstance(getattr(vectorizer, "analyzer", None), cls):
            return vectorizer.analyzer  # type: ignore[no-any-return]
        if type(vectorizer) is not CountVectorizer:
            return None
        told = {"lowercase", "stop_words", "token_pattern", "vocabulary", "min_df", "max_df",
                "max_features", "dtype"}  # fmt: skip
        usual = CountVectorizer().get_params()
        if any(
            value != usual[name]
            for name, value in vectorizer.get_params().items()
            if name not in told
        ):
            return None
        return cls(
            language="any",
            stop_words=tuple(sorted(vectorizer.get_stop_words() or ())),
            token_pattern=vectorizer.token_pattern,
            lowercase=vectorizer.lowercase,
            normalize=None,
        )

    # ---- the steps ----------------------------------------------------------------------

    @property
    def _segments(self) -> bool:
        return self.language == "zh" and self.token_pattern is None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(self.token_pattern) if self.token_pattern else word_pattern()

    @cached_property
    def _stops(self) -> frozenset[str]:
        words = stop_words_of(self.language, self.stop_words)
        folded = {self._fold(word) for word in words}
        # what the pattern makes of them ("don't" -> "don"), or they would never match a word
        return frozenset(folded).union(*(self._pattern.findall(word) for word in folded))

    def _fold(self, text: str) -> str:
        if self.lowercase:
            text = text.lower()
        if self.normalize is None or text.isascii():
            return text
        text = unicodedata.normalize(self.normalize, text).replace("\u00ad", "")
        # Python's lower case of the Turkish capital İ is an i with a second dot
        return text.replace("i\u0307", "i") if self.lowercase else text

    def _cut(self, text: str) -> list[str]:
        pattern = self._pattern
        if self.token_pattern is None:
            text = text.replace("_", " ")
            if not text.isascii() and max(text) > "\uffff":
                pattern = word_pattern(0x10FFFF)
        if not self._segments:
            return pattern.findall(text)
        from topicforge.corpus.chinese import load_jieba

        return [word for word in load_jieba().cut(text) if pattern.fullmatch(word)]

    def _segment_like(self, word: str) -> bool:
        parts = word.split("_")
        return len(parts) <= self.ngram_range[1] and all(
            self._pattern.fullmatch(part) and self._fold(part) == part and part not in self._stops
            for part in parts
        )


def _check_pattern(pattern: str) -> None:
    try:
        compiled = re.compile(pattern)
    except (re.error, TypeError) as error:
        raise OptionError(
            f"vectorizer: token_pattern must be a regular expression, {pattern!r} is none: {error}"
        ) from error
    if compiled.groups > 1:
        raise OptionError(
            f"vectorizer: token_pattern must have at most one group (what it captures is the word), "
            f"{pattern!r} has {compiled.groups}; write (?:...) for the others"
        )
