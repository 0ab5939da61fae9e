"""The embedding decoder: word and topic vectors in one space (ETM)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from topicforge import ops
from topicforge.contracts import Batch, Context
from topicforge.contracts.options import require, truth, whole
from topicforge.errors import OptionError, TrainingError
from topicforge.parts.decoders.lazy_words import LazyWords
from topicforge.parts.decoders.topics_over_words import TopicsOverWords
from topicforge.parts.decoders.word_vectors import read_word_vectors
from topicforge.parts.layers import product

_WHERE = "decoder 'embedding'"
DEFAULT_WIDTH = 300
CORPUS = "corpus"


class EmbeddingDecoder(TopicsOverWords):
    """beta_k = softmax(rho alpha_k), rho (V, E) word and alpha (K, E) topic vectors.

    Survey section 3; Dieng 2020, eq. 1. Without pretrained vectors both start at
    N(0, 1/E^(1/2)) a coordinate, so that logits start at unit scale; drawn at N(0, 1) they have a
    deviation of sqrt(E) and the topics are random one-hot words that training doesn't repair.

    Args:
        context: sizes, and the vocabulary where ``vectors`` is looked up by word.
        width: E; ``None`` takes the width of ``vectors``, or 300 without pretrained ones.
        vectors: word vectors to start from: ``corpus``, those of the training documents themselves
            (:meth:`topicforge.contracts.StartData.word_vectors`); pretrained ones, word2vec text, GloVe text,
            .npy, or an array (rows, E); ``None``, random ones.
        vectors_words: the words of the rows of an .npy or array, a sequence or a file; ``None``:
            row i is word i.
        train_vectors: train rho; with ``vectors``, False keeps them as they came. Words without
            a pretrained vector start at random with the vectors' own deviation.
        lazy_words: in training, give a gradient to the words of the batch alone. The normaliser of
            beta pushes at every word in every step; here a word that occurs gets at once the pushes of
            all the steps since it last did (:mod:`topicforge.parts.decoders.lazy_words`). The loss
            stays exact and its gradient becomes an estimate, of alpha too: results change. A word that
            never occurs stays where it started. The backward costs what the batch's words cost, and
            with ``optimiser="lazy-adam"`` so does the step; Adam takes a gradient's size out, so that
            a rare word then moves by occurrences and not by steps. It pays where a batch lacks
            most of the words. One process only.
    """

    def __init__(
        self,
        context: Context,
        *,
        width: int | None = None,
        vectors: Any = None,
        vectors_words: Any = None,
        train_vectors: bool = True,
        lazy_words: bool = False,
    ) -> None:
        super().__init__(context)
        self.given_width = None if width is None else whole(_WHERE, "width", width)
        self.vectors = vectors
        self.vectors_words = vectors_words
        self.train_vectors = train_vectors
        truth(_WHERE, "lazy_words", lazy_words)
        require(
            train_vectors or not lazy_words, _WHERE, "lazy_words",
            "False where train_vectors is False: word vectors that stand still get no gradient", lazy_words,
        )  # fmt: skip
        self.lazy_words = LazyWords(context.vocab_size, context.n_topics) if lazy_words else None
        width = self.given_width or DEFAULT_WIDTH
        scale = width**-0.25
        self.rho = nn.Parameter(
            torch.randn(context.vocab_size, width) * scale, requires_grad=train_vectors
        )
        self.alpha = nn.Parameter(torch.randn(context.n_topics, width) * scale)

    def start(self) -> None:
        """Read or make ``vectors``; their width decides E unless ``width`` said it.

        Raises:
            OptionError: unreadable vectors, or a width that differs from ``width``.
            TrainingError: vectors of a corpus without documents, or in which no two words meet.
        """
        if self.vectors is None:
            return
        if isinstance(self.vectors, str) and self.vectors == CORPUS:
            width = self.given_width or DEFAULT_WIDTH
            values = self.context.start_data.word_vectors(width)
            found = np.any(values != 0, axis=1)
            if not np.any(found):
                raise TrainingError(
                    f"{_WHERE}: vectors='corpus' needs words that share documents, but no two do; "
                    "leave vectors out"
                )
            self._start_at(values, np.asarray(found))
            return
        read = read_word_vectors(
            self.vectors, self.context.vocabulary, self.context.vocab_size, self.vectors_words
        )
        width = read.values.shape[1]
        if self.given_width not in (None, width):
            raise OptionError(
                f"{_WHERE}: option 'width' must be the vectors' own width {width}, got "
                f"{self.given_width}; leave it out"
            )
        if read.found.mean() < 0.5:
            warnings.warn(
                f"{_WHERE}: only {int(read.found.sum())} of {len(read.found)} words have a "
                "pretrained vector; the others start at random",
                UserWarning, stacklevel=2,
            )  # fmt: skip
        self._start_at(read.values, read.found)

    def _start_at(self, vectors: NDArray[np.float32], of: NDArray[np.bool_]) -> None:
        values, found = torch.from_numpy(vectors).to(self.rho), torch.from_numpy(of)
        known = values[found]
        others = torch.randn_like(values) * known.std(correction=0)
        rho = torch.where(found.to(values.device)[:, None], values, others)
        self.rho = nn.Parameter(rho, requires_grad=self.train_vectors)
        # logits rho . alpha start at unit deviation whatever the vectors' own length
        alpha = torch.randn(self.alpha.shape[0], values.shape[1]).to(self.alpha)
        self.alpha = nn.Parameter(alpha / known.norm(dim=1).mean())

    def saved_options(self, options: dict[str, Any]) -> dict[str, Any]:
        """Shapes instead of files: the vectors themselves are among the saved weights."""
        kept = {k: v for k, v in options.items() if k not in ("vectors", "vectors_words")}
        return {**kept, "width": self.rho.shape[1]}

    def logits(self) -> Tensor:
        """Rho alpha^T, (V, K)."""
        return product(self.rho, self.alpha)

    def log_likelihood(self, theta: Tensor, batch: Batch) -> Tensor:
        """(B,), touching only the words that occur: O(nnz K)."""
        learning = self.training and torch.is_grad_enabled()
        # without a gradient of its own, rho is wanted at the batch's words and in the normaliser
        by_words = not self.rho.requires_grad and not batch.has_most_words
        if not learning or (self.lazy_words is None and not by_words):
            return super().log_likelihood(theta, batch)
        words, col = batch.words()
        if self.lazy_words is None:
            beta = ops.topic_word_rows(self.rho, self.alpha, words)
        else:
            beta = self.lazy_words(self.rho, self.alpha, words)
        return -ops.sparse_multinomial_nll(batch.crow, col, batch.count, theta, beta)
