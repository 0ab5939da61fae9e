"""Topics as lists of words: checked once, for topics of any origin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from topicforge.errors import InputError, OptionError

TopWords = tuple[tuple[str, ...], ...]


def top_words(
    topics: Iterable[Sequence[str]],
    top: int,
    *,
    where: str,
    least: int = 1,
    short_allowed: bool = False,
) -> TopWords:
    """Return the first ``top`` words of each topic.

    Args:
        topics: K lists of words, the most probable first; any iterable of sequences of str.
        top: words to keep of each.
        where: the caller's name, for messages.
        least: the smallest ``top`` that has a meaning (2 where pairs are needed).
        short_allowed: keep topics with fewer than ``top`` words as they are, instead of raising.

    Returns:
        K tuples of words.

    Raises:
        OptionError: ``top`` is not a whole number of at least ``least``.
        InputError: no topics; a topic that is a string, is empty, has fewer than ``top`` words (or
            fewer than ``least``), holds something other than words, or names a word twice.
    """
    check_whole(top, "top", least=least, where=where)
    return tuple(
        _one_topic(number, topic, top, where, least, short_allowed)
        for number, topic in enumerate(listed_topics(topics, where=where))
    )


def listed_topics(topics: Iterable[Sequence[str]], *, where: str) -> tuple[Sequence[str], ...]:
    """Return the topics as a tuple that can be read again, each a sequence of something.

    Raises:
        InputError: not a list of lists, or an empty one.
    """
    if isinstance(topics, str | dict) or not isinstance(topics, Iterable):
        raise InputError(
            f"{where}: topics must be a list of lists of words, got a {type(topics).__name__}; "
            "for lines of text use [line.split() for line in lines]"
        )
    listed = tuple(topics)
    if not listed:
        raise InputError(f"{where}: there must be at least one topic, got an empty list")
    for number, topic in enumerate(listed):
        if isinstance(topic, str) or not isinstance(topic, Sequence | np.ndarray):
            raise InputError(
                f"{where}: topic {number} must be a list of words, got {topic!r}; "
                "split text into words, take the words out of other structures"
            )
    return listed


def check_whole(value: int, name: str, *, least: int, where: str) -> None:
    """Raise OptionError unless ``value`` is a whole number of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise OptionError(
            f"{where}: {name} must be a whole number of at least {least}, got {value!r}"
        )


def _one_topic(
    number: int, topic: Sequence[str], top: int, where: str, least: int, short_allowed: bool
) -> tuple[str, ...]:
    words = tuple(topic)[:top]
    strangers = [word for word in words if not isinstance(word, str) or not word]
    if strangers:
        raise InputError(
            f"{where}: topic {number} must hold words, got {strangers[0]!r}; "
            "turn word numbers into words through the vocabulary"
        )
    needed = least if short_allowed else top
    if len(words) < needed:
        raise InputError(
            f"{where}: topic {number} has {len(words)} words, {needed} are needed; "
            f"give longer lists or a smaller top"
        )
    word, times = Counter(words).most_common(1)[0]
    if times > 1:
        # a word always co-occurs with itself, so a repeated word would raise the coherence
        raise InputError(
            f"{where}: topic {number} names {word!r} {times} times in its first {top} words; "
            "a topic's words must be distinct: remove repeats with list(dict.fromkeys(words))"
        )
    return words
