"""The decoder's contract: topic proportions -> the likelihood of the words that occur."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor

from topicforge.contracts.batch import Batch
from topicforge.contracts.component import Component


class Decoder(Component, ABC):
    """theta (B, K) -> log p(x | theta), computed without a (B, V) matrix where a kernel can."""

    @abstractmethod
    def log_likelihood(self, theta: Tensor, batch: Batch) -> Tensor:
        """Return (B,) sum_v x_v log p_v(theta), without the multinomial coefficient.

        Args:
            theta: (B, K) topic proportions, rows sum to one.
            batch: the same B documents.
        """

    def word_log_likelihood(self, theta: Tensor, batch: Batch) -> Tensor:
        """Return (B,) sum_v x_v log p(v | theta), what document completion scores; sum_v p(v | theta) = 1.

        It is :meth:`log_likelihood`, unless training maximises something else than the probability of
        each token: that of a word's presence, or one of weighted counts.

        Args:
            theta: (B, K) topic proportions, rows sum to one.
            batch: the same B documents.
        """
        return self.log_likelihood(theta, batch)

    @abstractmethod
    def topic_word(self, theta: Tensor) -> Tensor:
        """Return (R, V) word distributions, rows sum to one, at R anchor thetas (R, K)."""

    def own_words(self, theta: Tensor) -> Tensor:
        """Return (R, V) the topics' own word distributions, rows sum to one, at R anchor thetas (R, K).

        They are :meth:`topic_word`, what predicts, unless a part of it belongs to no topic: a background of
        words that occur whatever the topic is. The fitted model shows them as ``topic_word_``.
        """
        return self.topic_word(theta)

    def word_scores(self, theta: Tensor) -> Tensor:
        """Return (R, V) scores by which a topic's top words are ranked; higher is better.

        The default ranks by :meth:`own_words`. A decoder that ranks otherwise (weights without the
        background bias) states it in :attr:`scored_by`.
        """
        return self.own_words(theta)

    @property
    def scored_by(self) -> str:
        """The rule behind :meth:`word_scores` as a sentence; printed with the topics."""
        return "probability p(word | topic)"

    def penalties(self) -> dict[str, Tensor]:
        """Return further scalar loss terms by name (topic decorrelation, say), already weighted."""
        return {}
