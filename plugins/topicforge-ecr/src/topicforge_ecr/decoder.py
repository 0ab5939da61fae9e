"""The decoder of ECRTM: topics as centres of word clusters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from topicforge.plugin import Batch, Context, Decoder, OptionError, ops, options
from torch import Tensor, nn
from torch.nn import functional as F

from topicforge_ecr.centres import centres
from topicforge_ecr.clustering import clustering, distances
from topicforge_ecr.options import WHERE, shares
from topicforge_ecr.vectors import read_vectors

DEFAULT_WIDTH = 200
CORPUS_WIDTH = 100
CORPUS = "corpus"


class EcrDecoder(Decoder):
    """p(v | k) = p(k | v) p_v / sum_v p(k | v) p_v with p(k | v) = softmax_k(-|w_v - t_k|^2 / tau).

    w and t are word and topic vectors. The penalty that keeps topics apart is the entropic
    transport of all words to the topics, with topic sizes s given:

        weight * min_P <P, C> + e KL(P || 1/V s^T),  C_vk = |w_v - t_k|^2,  P 1 = 1/V,  P^T 1 = s

    so that every topic is the centre of words of its own, and no two can share one place
    (:func:`~topicforge_ecr.clustering.clustering`). Each step starts from the last one's potentials.

    What differs from the paper: there beta_vk = p(k | v) itself is the decoder, p(x | theta) =
    softmax_v(batch norm of beta theta). Numbers of [0, 1] have no meaning as logits, it takes the
    batch norm to make a distribution of them, and then theta is no mixture of topics. Read as the
    probability of a topic given a word they have one by Bayes' rule, above, with p_v learned from
    its start at the corpus frequency; a mixture of topics also touches only words that occur.
    The paper's loss counts <P, C> without the entropy, which has the same gradient at a fixed P. Its
    e is fixed; here it follows the mean of C, because a plan that a fixed e blurs draws all vectors
    to one point, where everything is blurred.

    Args:
        context: sizes, word frequencies, and the vocabulary where ``vectors`` is looked up by word.
        width: E; ``None`` takes the width of ``vectors``, 100 for ``corpus``, 200 without.
        vectors: word vectors to start from: ``corpus``, those of the training documents
            (``context.start_data.word_vectors``); pretrained ones, GloVe or
            word2vec text, .npy, or an array (rows, E); ``None``, random ones. They are scaled to
            unit length, as temperature takes for granted, topics start at their
            k-means centres, and words without a vector start at random.
        vectors_words: the words of the rows of an .npy or array, a sequence or a file with one a
            line; ``None``: row i is word i.
        train_vectors: train w; False keeps them as they start.
        temperature: tau, in squared distance.
        weight: of the penalty, in nats a document; 0 leaves it out.
        epsilon: e, as a share of the mean of C.
        iterations: the most Sinkhorn sweeps a step.
        sizes: s, K positive numbers that are divided by their sum; ``None``: 1/K each.

    Raises:
        OptionError: an option outside its domain.

    Source: Wu et al. 2023 (arXiv:2306.04217), section 4; tau is that of the authors' code.
    """

    size: Tensor

    def __init__(
        self,
        context: Context,
        *,
        width: int | None = None,
        vectors: Any = CORPUS,
        vectors_words: Any = None,
        train_vectors: bool = True,
        temperature: float = 0.2,
        weight: float = 20.0,
        epsilon: float = 0.01,
        iterations: int = 100,
        sizes: Sequence[float] | None = None,
    ) -> None:
        super().__init__(context)
        self.given_width = None if width is None else options.whole(WHERE, "width", width)
        self.vectors = vectors
        self.vectors_words = vectors_words
        self.train_vectors = options.truth(WHERE, "train_vectors", train_vectors)
        self.temperature = options.between(WHERE, "temperature", temperature, 1e-4, 1e4)
        self.weight = options.between(WHERE, "weight", weight, 0, 1e8)
        self.epsilon = options.between(WHERE, "epsilon", epsilon, 1e-4, 1e4)
        self.iterations = options.whole(WHERE, "iterations", iterations)
        v, k, e = context.vocab_size, context.n_topics, self.given_width or DEFAULT_WIDTH
        self.word = nn.Parameter(_on_sphere(v, e), requires_grad=self.train_vectors)
        self.topic = nn.Parameter(_on_sphere(k, e))
        self.background = nn.Parameter(torch.zeros(v))
        self.register_buffer("size", torch.tensor(shares("sizes", sizes, k)), persistent=False)
        self._potential: Tensor | None = None

    def start(self) -> None:
        """Start p_v at the corpus frequency, and w at ``vectors``.

        Raises:
            OptionError: unreadable vectors, or a width that differs from ``width``.
            TrainingError: vectors of a corpus without documents.
        """
        frequency = self.context.word_frequency
        if frequency is not None:
            # a word that never occurs counts as often as the rarest one that does
            floor = frequency[frequency > 0].min()
            with torch.no_grad():
                self.background.copy_(frequency.clamp_min(floor).log())
        if self.vectors is not None:
            self._start_at(*self._read())

    def _read(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        if isinstance(self.vectors, str) and self.vectors == CORPUS:
            values = self.context.start_data.word_vectors(self.given_width or CORPUS_WIDTH)
            return values, np.asarray(values.any(axis=1))
        values, found = read_vectors(
            self.vectors, self.context.vocabulary, self.context.vocab_size, self.vectors_words
        )
        if self.given_width not in (None, values.shape[1]):
            raise OptionError(
                f"decoder 'ecr': option 'width' must be the vectors' own width {values.shape[1]}, "
                f"got {self.given_width}; leave it out"
            )
        return values, found

    def _start_at(self, values: NDArray[np.float32], found: NDArray[np.bool_]) -> None:
        v, width = values.shape
        k = self.topic.shape[0]
        unit = F.normalize(torch.from_numpy(values), dim=1)
        known = torch.from_numpy(found)
        word = torch.where(known[:, None], unit, _on_sphere(v, width))
        topic = _on_sphere(k, width)
        if int(known.sum()) >= k:
            topic = torch.from_numpy(centres(unit[known].numpy(), k))
        self.word = nn.Parameter(word.to(self.word), requires_grad=self.train_vectors)
        self.topic = nn.Parameter(topic.to(self.topic))

    def saved_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Shapes instead of files: the vectors themselves are among the saved weights."""
        kept = {k: v for k, v in options.items() if k not in ("vectors", "vectors_words")}
        return {**kept, "vectors": None, "width": self.word.shape[1]}

    def beta(self) -> Tensor:
        """(V, K): p(v | k), columns sum to one."""
        # |w_v|^2 is the same for all topics and leaves the softmax over them alone
        near = 2 * self.word @ self.topic.T - self.topic.square().sum(1)
        given_word = torch.log_softmax(near / self.temperature, 1)
        return torch.softmax(given_word + self.background[:, None], 0)

    def log_likelihood(self, theta: Tensor, batch: Batch) -> Tensor:
        """(B,) sum_v x_v log(sum_k theta_k p(v | k)), touching only the words that occur."""
        return -ops.sparse_multinomial_nll(batch.crow, batch.col, batch.count, theta, self.beta())

    def topic_word(self, theta: Tensor) -> Tensor:
        """Theta beta^T, (R, V)."""
        return theta @ self.beta().T

    def penalties(self) -> dict[str, Tensor]:
        """``ecr``: the weighted transport cost between words and topics; none at weight 0."""
        if not self.weight:
            return {}
        value, self._potential = clustering(
            self.distances(), self.size, self.epsilon, self.iterations, self._potential
        )
        return {"ecr": self.weight * value}

    def distances(self) -> Tensor:
        """(V, K) |w_v - t_k|^2."""
        return distances(self.word, self.topic)


def _on_sphere(n: int, width: int) -> Tensor:
    """(n, width) random unit vectors."""
    return F.normalize(torch.randn(n, width), dim=1)
