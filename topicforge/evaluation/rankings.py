"""Orders of a topic's words, for the topics of any program.

Ranked by probability, frequent words lead every topic. The other rankings set that probability against
the word's in the corpus (relevance, lift), against its in the other topics (FREX), or count with which
topics a word's documents go (association).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import InputError, OptionError, UnknownNameError, did_you_mean
from topicforge.evaluation.proportions import check_proportions

Array = NDArray[np.floating[Any]]
#: a name of :data:`RANKINGS`, or the name and its options: ``("relevance", {"lambda_": 0.6})``
Ranking = str | tuple[str, Mapping[str, Any]]

#: a word is a topic's own once it has been seen with it in about so many documents
SMOOTHING = 100.0
#: how much of a shared word goes to the topic that has most of it; docs/results.md compares powers
EXCLUSIVITY = 4


@dataclass
class Occurrences:
    """How often words occur in documents, alone and with topics; a sum over documents.

    Args:
        joint: (V, K) n_kv = sum_d theta_dk [x_dv > 0].
        topic: (K,) sum_d theta_dk.
        documents: (V,) n_v, documents that hold the word.
        tokens: (V,) sum_d x_dv.
        largest: (K,) documents whose largest topic it is.
        n_documents: N.
    """

    joint: Array
    topic: Array
    documents: Array
    tokens: Array
    largest: Array
    n_documents: int = 0

    @classmethod
    def zeros(cls, n_topics: int, vocab_size: int) -> Occurrences:
        """Return the sums over no document."""
        word, topic = np.zeros(vocab_size), np.zeros(n_topics)
        return cls(np.zeros((vocab_size, n_topics)), topic, word, word.copy(), topic.copy())

    def add(self, counts: Any, theta: Any) -> None:
        """Add documents: counts (B, V) in scipy CSR without stored zeros, and their theta (B, K)."""
        present = counts.copy()
        present.data = np.ones(len(counts.data), dtype=np.float32)
        width = len(self.documents)
        self.joint += present.T @ theta
        self.topic += theta.sum(0, dtype=np.float64)
        self.documents += np.bincount(counts.indices, minlength=width)
        self.tokens += np.bincount(counts.indices, counts.data, minlength=width)
        self.largest += np.bincount(theta.argmax(1), minlength=len(self.topic))
        self.n_documents += counts.shape[0]

    def __add__(self, other: Occurrences) -> Occurrences:
        """The sums over the documents of both."""
        return Occurrences(
            self.joint + other.joint, self.topic + other.topic, self.documents + other.documents,
            self.tokens + other.tokens, self.largest + other.largest,
            self.n_documents + other.n_documents,
        )  # fmt: skip

    @property
    def word_frequency(self) -> Array:
        """(V,) p(v): share of the tokens that are this word."""
        frequency: Array = self.tokens / max(self.tokens.sum(), np.finfo(np.float64).tiny)
        return frequency


def relevance(topic_word: Any, word_frequency: Any, *, lambda_: float = 0.6) -> NDArray[np.float64]:
    """r(v, k) = lambda log p(v | k) + (1 - lambda) log(p(v | k) / p(v)).

    Args:
        topic_word: (K, V) p(v | k).
        word_frequency: (V,) p(v), shares of the tokens of the corpus.
        lambda_: in [0, 1]; 1 is the order by probability, 0 that by lift. Readers told topics best at
            0.6.

    Returns:
        (K, V); -inf where p(v | k) or p(v) is 0.

    Raises:
        OptionError: lambda outside [0, 1].

    Source: Sievert and Shirley 2014, LDAvis, eq. 1.
    """
    _share("relevance", "lambda_", lambda_)
    p, alone = _positive(topic_word, word_frequency)
    with np.errstate(divide="ignore"):
        scores = np.log(p) - (1 - lambda_) * np.log(np.where(alone > 0, alone, 1))
    return np.where(alone > 0, scores, -np.inf)


def lift(topic_word: Any, word_frequency: Any) -> NDArray[np.float64]:
    """p(v | k) / p(v).

    Args:
        topic_word: (K, V) p(v | k).
        word_frequency: (V,) p(v), shares of the tokens of the corpus.

    Returns:
        (K, V); -inf where p(v) is 0.

    Source: Taddy 2012, On Estimation and Selection for Topic Models.
    """
    p, alone = _positive(topic_word, word_frequency)
    return np.where(alone > 0, p / np.where(alone > 0, alone, 1), -np.inf)


def frex(topic_word: Any, *, weight: float = 0.5) -> NDArray[np.float64]:
    """FREX(v, k) = (w / ECDF_k(x_kv) + (1 - w) / ECDF_k(p(v | k)))^-1, x_kv = p(v | k) / sum_j p(v | j).

    The harmonic mean of a word's exclusivity x to the topic and of its frequency there, each as a rank
    among the topic's words: ECDF_k(y) is the share of words whose value under topic k is at most y.

    Args:
        topic_word: (K, V) p(v | k).
        weight: w of exclusivity, in [0, 1].

    Returns:
        (K, V) in (0, 1].

    Raises:
        OptionError: weight outside [0, 1].

    Source: Bischof and Airoldi 2012, Summarizing topical content with word frequency and exclusivity;
    w = 1/2 as in Roberts, Stewart and Tingley 2019.
    """
    from scipy.stats import rankdata

    _share("frex", "weight", weight)
    p = np.asarray(topic_word, dtype=np.float64)
    total = p.sum(0)
    exclusive = p / np.where(total > 0, total, 1)
    ranks = [rankdata(values, method="max", axis=1) / p.shape[1] for values in (exclusive, p)]
    scores: NDArray[np.float64] = 1 / (weight / ranks[0] + (1 - weight) / ranks[1])
    return scores


def association(occurrences: Occurrences) -> NDArray[np.float64]:
    """How much a word tells of a topic, over the documents that were counted.

        s(k, v) = p(v | k) log[p(v | k) / p(v)] e(k, v)
        n_kv = sum_d theta_dk [x_dv > 0],  p(v | k) = n_kv / sum_v n_kv,  p(v) = n_v / sum_v n_v
        e(k, v) = x_kv^4 / sum_k x_kv^4,  x_kv = (n_kv + 100 p(k)) / (n_v + 100)

    The first factors are the word's share in the Kullback-Leibler divergence of topic and corpus: 0
    where they are independent, and small for words of a few documents, which plain PMI puts first.
    e gives a word that several topics share to the topic that has most of it; x is p(k | v), drawn
    to p(k) where the word is rare.

    Args:
        occurrences: sums over documents and their theta.

    Returns:
        (K, V) scores; -1 where word and topic never met, below every score there can be.
    """
    # as they are kept on disk, so that an opened model ranks as the fitted one
    joint = occurrences.joint.astype(np.float32).astype(np.float64).T
    tiny = np.finfo(np.float64).tiny
    given = joint / np.maximum(joint.sum(1, keepdims=True), tiny)
    expected = occurrences.topic[:, None] / max(occurrences.n_documents, 1)
    share = (joint + SMOOTHING * expected) / (occurrences.documents + SMOOTHING)
    power = share**EXCLUSIVITY
    alone = occurrences.documents / max(occurrences.documents.sum(), tiny)
    with np.errstate(divide="ignore", invalid="ignore"):
        score = given * np.log(given / alone)
    score *= power / np.maximum(power.sum(0), tiny)
    found: NDArray[np.float64] = np.where(joint > 0, score, -1.0)
    return found


@dataclass(frozen=True)
class _Given:
    """What a ranking may read; what was not given can't be read."""

    topic_word: Array
    frequency: Any = None
    counted: Occurrences | None = None

    @property
    def word_frequency(self) -> Array:
        if self.frequency is None and self.counted is None:
            raise InputError(
                "rankings: this ranking needs word_frequency, the shares of the corpus' tokens, but "
                "neither that nor occurrences was given"
            )
        return (
            self.counted.word_frequency
            if self.frequency is None and self.counted
            else self.frequency
        )

    @property
    def occurrences(self) -> Occurrences:
        if self.counted is None:
            raise InputError(
                "rankings: association needs occurrences, sums over documents and their theta, but "
                "they were not given"
            )
        return self.counted


@dataclass(frozen=True)
class RankingRule:
    """A ranking by name.

    Args:
        scores: gives (K, V) scores.
        sentence: what it is, with the options' values in braces.
        source: the paper; empty where the rule is topicforge's own.
        options: name -> default.
    """

    scores: Callable[..., NDArray[Any]]
    sentence: str
    source: str
    options: Mapping[str, float] = field(default_factory=dict)


def _defaults(function: Callable[..., Any]) -> dict[str, float]:
    return {
        name: one.default
        for name, one in inspect.signature(function).parameters.items()
        if one.kind is one.KEYWORD_ONLY
    }


#: name -> rule
RANKINGS: Mapping[str, RankingRule] = {
    "probability": RankingRule(
        lambda given: given.topic_word, "probability p(word | topic)", "Blei, Ng and Jordan 2003"
    ),
    "association": RankingRule(
        lambda given: association(given.occurrences),
        "association of topic and word over the training documents", "",
    ),
    "frex": RankingRule(
        lambda given, **options: frex(given.topic_word, **options),
        "FREX: exclusivity to the topic with weight {weight:g}, frequency in it with the rest",
        "Bischof and Airoldi 2012", _defaults(frex),
    ),
    "relevance": RankingRule(
        lambda given, **options: relevance(given.topic_word, given.word_frequency, **options),
        "relevance with lambda = {lambda_:g}", "Sievert and Shirley 2014, eq. 1",
        _defaults(relevance),
    ),
    "lift": RankingRule(
        lambda given: lift(given.topic_word, given.word_frequency),
        "lift p(word | topic) / p(word)", "Taddy 2012",
    ),
}  # fmt: skip


def check_ranking(
    ranking: Any, where: str, others: tuple[str, ...] = ()
) -> tuple[str, dict[str, float]]:
    """Return a ranking's name and all its options.

    Args:
        ranking: a name, or the name and its options.
        where: the caller's name, for messages.
        others: further names that the caller has.

    Raises:
        OptionError: neither a name nor a name with options; no such ranking; a value outside its domain.
        UnknownNameError: no such option.
    """
    name, given = (
        ranking if isinstance(ranking, tuple | list) and len(ranking) == 2 else (ranking, {})
    )
    known = (*RANKINGS, *others)
    if name not in known or not isinstance(given, Mapping):
        raise OptionError(
            f"{where}: ranking must be one of {', '.join(known)}, or a name and its options, "
            f"('relevance', {{'lambda_': 0.6}}), got {ranking!r}.{did_you_mean(str(name), known)}"
        )
    options = dict(RANKINGS[name].options) if name in RANKINGS else {}
    for option, value in given.items():
        if option not in options:
            has = f"It has {', '.join(options)}." if options else "It has none."
            raise UnknownNameError(
                f"{where}: ranking {name!r} has no option {option!r}."
                f"{did_you_mean(option, tuple(options))} {has}"
            )
        _share(name, option, value)
        options[option] = float(value)
    return name, options


def ranked_by(ranking: Ranking) -> str:
    """Return what a ranking is as a sentence, with its options and its source."""
    name, options = check_ranking(ranking, "rankings")
    rule = RANKINGS[name]
    sentence = rule.sentence.format(**options)
    return f"{sentence} ({rule.source})" if rule.source else sentence


def word_scores(
    topic_word: Any,
    ranking: Ranking = "probability",
    *,
    word_frequency: Any = None,
    occurrences: Occurrences | None = None,
) -> NDArray[np.float32]:
    """Return the scores by which a ranking orders each topic's words; higher is better.

    Args:
        topic_word: (K, V) p(v | k), of any program.
        ranking: a name of :data:`RANKINGS`, or a name and its options.
        word_frequency: (V,) p(v), for relevance and lift; ``None`` for that of ``occurrences``.
        occurrences: for association.

    Returns:
        (K, V) float32.

    Raises:
        OptionError, UnknownNameError: see :func:`check_ranking`.
        InputError: rows of topic_word that are no distributions, or an input that the ranking needs.
    """
    name, options = check_ranking(ranking, "rankings")
    beta = check_proportions(topic_word, where="rankings", name="topic_word")
    given = _Given(beta, word_frequency, occurrences)
    return RANKINGS[name].scores(given, **options).astype(np.float32)


def top_columns(scores: Any, top: int) -> NDArray[np.int64]:
    """Return (K, top) columns of the highest scores, best first; ties by column number."""
    found: NDArray[np.int64] = np.argsort(-np.asarray(scores), axis=1, kind="stable")[:, :top]
    return found


def _positive(topic_word: Any, word_frequency: Any) -> tuple[Array, Array]:
    p = np.asarray(topic_word, dtype=np.float64)
    alone = np.asarray(word_frequency, dtype=np.float64)
    if alone.shape != p.shape[1:]:
        raise InputError(
            f"rankings: word_frequency must have one number per word, {p.shape[1:]}, got {alone.shape}"
        )
    return p, alone


def _share(name: str, option: str, value: Any) -> None:
    number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not (number and 0 <= value <= 1):
        raise OptionError(
            f"ranking {name!r}: option {option!r} must be a number from 0 to 1, got {value!r}"
        )
