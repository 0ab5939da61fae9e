"""Chinese segmentation by jieba, the extra ``zh``."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from topicforge.errors import MissingExtraError

#: as :data:`topicforge.corpus.text.WORD`; what remains is punctuation, numbers and particles
_WORD = re.compile(r"[^\W\d_][^\W_]+")


class Segmenter:
    """Text -> words by jieba's default mode (its dictionary, and its model for unknown words).

    An object rather than a closure, so that a vectoriser that holds it can be cloned and compared.

    Args:
        stop_words: segments that are left out.
    """

    def __init__(self, stop_words: Sequence[str] = ()) -> None:
        self.stop_words = frozenset(stop_words)

    def __call__(self, text: str) -> list[str]:
        """Return the words of two letters and more that are no stop words, in reading order."""
        stops = self.stop_words
        return [
            word for word in load_jieba().cut(text) if _WORD.fullmatch(word) and word not in stops
        ]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Segmenter) and other.stop_words == self.stop_words

    def __hash__(self) -> int:
        return hash(self.stop_words)

    def __repr__(self) -> str:
        return f"Segmenter({len(self.stop_words)} stop words)"


@lru_cache(maxsize=1)
def load_jieba() -> Any:
    """Return a jieba tokenizer of its own, with the dictionary that comes with jieba.

    jieba itself would write to standard error and leave a cache in the folder for temporary files,
    and read whatever lies there under that name; reading the dictionary takes a second anyway.

    Raises:
        MissingExtraError: jieba is not installed.
    """
    try:
        with warnings.catch_warnings():
            # jieba 0.42's patterns hold escapes that newer Pythons warn of
            warnings.simplefilter("ignore")
            import jieba
    except ImportError as error:
        raise MissingExtraError(
            "Chinese texts need jieba, which is not installed: pip install 'topicforge[zh]'"
        ) from error
    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer
