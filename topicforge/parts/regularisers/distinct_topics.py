"""Topics' own words are told apart at the end of training, with the documents' topics held."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from topicforge.contracts import Progress, Regulariser
from topicforge.contracts.options import LARGEST, between, share

_WHERE = "regulariser 'distinct-topics'"


class DistinctTopics(Regulariser):
    """In the last epochs the decoder alone trains, and its topics' own words are told apart.

        penalty = n (a O + b D - c C), n the mean length of a document
        O = 1/K sum_{k != l} sum_v (w_kv w_lv)^(1/2)     the topics' overlap (Bhattacharyya 1943)
        D = 1/K sum_{k != l} sum_v w_kv w_lv             their correlation (Vorontsov and Potapenko 2015)
        C = 1/K sum_k sum_uv w_ku w_kv cos(e_u, e_v)     their coherence (Ding, Nallapati and Xiang 2018)

    w = own_words of the K topics, (K, V); e_v the word vectors of
    :meth:`~topicforge.contracts.StartData.clusters`. D weighs a shared word by the square of its
    probability, so it takes frequent words apart; O weighs rare words nearly as much. C is the mean cosine of
    two words that one topic draws. Encoder, link and prior are held, because theta would give way to the
    penalty instead of the words: at the same diversity the clusters of documents are lost
    (docs/regularisers.md). The cost is O(K V) per step, whatever the documents.

    Args:
        overlap: a, in nats per word, >= 0.
        decorrelation: b, in nats per word, >= 0.
        coherence: c, in nats per word, >= 0; 0 reads no word vectors.
        after: share of the epochs, rounded to whole ones, after which this begins, in [0, 1).

    Raises:
        OptionError: a value outside its domain.
    """

    reads_encoder: ClassVar[bool] = False

    def __init__(
        self,
        *,
        overlap: float = 0.01,
        decorrelation: float = 6.0,
        coherence: float = 0.4,
        after: float = 0.5,
    ) -> None:
        self.overlap = between(_WHERE, "overlap", overlap, 0, LARGEST)
        self.decorrelation = between(_WHERE, "decorrelation", decorrelation, 0, LARGEST)
        self.coherence = between(_WHERE, "coherence", coherence, 0, LARGEST)
        self.after = share(_WHERE, "after", after)

    def start(self, network: Any) -> None:
        """Keep the words' vectors, (V, d) of unit length; ``None`` without coherence."""
        self._vectors: Tensor | None = None
        if self.coherence:
            found = network.context.start_data.clusters(network.context.n_topics)
            like = next(network.decoder.parameters())
            vectors = torch.from_numpy(found.vectors).to(like.device, like.dtype)
            self._vectors = F.normalize(vectors, dim=1)

    def rising(self, now: Progress) -> bool:
        """Until it begins: a loss with the penalty doesn't compare with one without."""
        return not self._begun(now)

    def penalty(self, network: Any, now: Progress) -> Tensor | None:
        """The weighted sum; ``None`` before it begins."""
        if not self._begun(now):
            return None
        own = network.own_words()
        value = self.overlap * overlap(own) + self.decorrelation * correlation(own)
        if self._vectors is not None:
            value = value - self.coherence * (own @ self._vectors).square().sum() / own.shape[0]
        weighted: Tensor = network.context.mean_length * value
        return weighted

    def trains(self, part: str, now: Progress) -> bool:
        """All parts until it begins, then the decoder."""
        return part == "decoder" or not self._begun(now)

    def _begun(self, now: Progress) -> bool:
        return now.epoch >= round(self.after * now.epochs)


def overlap(own: Tensor) -> Tensor:
    """O: the sum of a topic's Bhattacharyya coefficients with all others, a mean over topics.

    Args:
        own: (K, V) probabilities of words.

    Returns:
        A scalar in [0, K - 1].
    """
    # the root's gradient is infinite at 0
    root = own.clamp_min(torch.finfo(own.dtype).tiny).sqrt()
    return (root.sum(0).square().sum() - root.square().sum()) / own.shape[0]


def correlation(own: Tensor) -> Tensor:
    """D: the chance that a topic and another draw the same word, summed over the others, a mean over topics.

    Args:
        own: (K, V) probabilities of words.

    Returns:
        A scalar in [0, K - 1].
    """
    return (own.sum(0).square().sum() - own.square().sum()) / own.shape[0]
