"""Stop words by language."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from importlib.resources import files

from topicforge.errors import OptionError

#: What scikit-learn's list lacks: it was made for another way of cutting words and so doesn't hold
#: the pieces that a pattern of letters leaves of contractions (don't -> don, t). "won" stays a word.
CONTRACTIONS = frozenset(
    ("ain", "aren", "couldn", "didn", "doesn", "don", "hadn", "hasn", "haven", "isn", "ll", "mightn",
     "mustn", "needn", "shan", "shouldn", "ve", "wasn", "weren", "wouldn")
)  # fmt: skip
#: forms of words that scikit-learn's list has (do, done, have, ...)
FORMS = frozenset(("did", "does", "doing", "having"))


@lru_cache(maxsize=1)
def chinese() -> frozenset[str]:
    """Return our short list of Chinese function words (``stop_words_zh.txt``)."""
    text = files("topicforge.corpus").joinpath("stop_words_zh.txt").read_text(encoding="utf-8")
    return frozenset(word for line in text.splitlines() if line[:1] != "#" for word in line.split())


def english() -> frozenset[str]:
    """Return scikit-learn's English list, the remains of contractions and a few missing forms.

    That list has known holes (Nothman, Qin and Yurchak 2018), which stay: it takes away words of
    subject matter (``bill``, ``fire``, ``system``, ``interest``, ``detail``, ``mill``) and leaves
    common verbs (``say``, ``said``, ``make``, ``use``, ``using``). Hand in your own where it matters.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS  # takes a second

    return frozenset(ENGLISH_STOP_WORDS) | CONTRACTIONS | FORMS


def stop_words_of(language: str | None, chosen: str | Sequence[str] | None) -> list[str]:
    """Return the stop words to use, sorted.

    Args:
        language: ``en``, ``zh`` or ``any``.
        chosen: ``"language"`` for the language's own, ``None`` for none, or words.

    Raises:
        OptionError: another string, or something that is no string among the words.
    """
    if chosen is None:
        return []
    if isinstance(chosen, str):
        if chosen != "language":
            raise OptionError(
                "vectorizer: stop_words must be 'language', None or a sequence of words, got "
                f"{chosen!r}"
            )
        if language == "en":
            return sorted(english())
        return sorted(chinese()) if language == "zh" else []
    words = list(chosen)
    wrong = [word for word in words if not isinstance(word, str)]
    if wrong:
        raise OptionError(f"vectorizer: stop_words must be strings, got {wrong[0]!r}")
    return sorted(set(words))
