"""The embedding decoder: word and topic vectors in one space (ETM)."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from topicforge import ops
from topicforge.contracts import Batch, Context
from topicforge.contracts.options import one_of, whole
from topicforge.distributed import randn
from topicforge.errors import OptionError, TrainingError
from topicforge.parts.decoders.topics_over_words import TopicsOverWords
from topicforge.parts.decoders.word_vectors import read_word_vectors
from topicforge.parts.layers import STARTS, log_cluster_words, product

_WHERE = "decoder 'embedding'"
DEFAULT_WIDTH = 300
CORPUS = "corpus"


class EmbeddingDecoder(TopicsOverWords):
    """beta_k = softmax(rho alpha_k), rho (V, E) word and alpha (K, E) topic vectors.

    Dieng 2020, eq. 1. Without pretrained vectors every coordinate of both starts at
    N(0, 1/E^(1/2)), so that logits start at unit scale; drawn at N(0, 1) they have a
    deviation of sqrt(E) and the topics are random one-hot words that training doesn't repair.

    Args:
        context: sizes, and the vocabulary where ``vectors`` is looked up by word.
        width: width E of the vectors; ``None`` for that of ``vectors``, or 300 without pretrained ones.
        vectors: word vectors to start from: ``corpus``, those of the training documents themselves
            (:meth:`topicforge.contracts.StartData.word_vectors`); pretrained ones, word2vec text, GloVe text,
            .npy, or an array (rows, E); ``None``, random ones.
        vectors_words: the words of the rows of an .npy or array, a sequence or a file; ``None``:
            row i is word i.
        train_vectors: whether rho is trained; with ``vectors``, False keeps them as they came. Words without
            a pretrained vector start at random with the vectors' own deviation.
        start: ``random``; or ``clusters``: the document clusters that encoder ``spectral`` starts from, alpha
            by least squares of rho_v . alpha_k = log p(v | k), centred over words; without ``vectors`` rho
            starts there too, by the singular vectors of that matrix.
    """

    def __init__(
        self,
        context: Context,
        *,
        width: int | None = None,
        vectors: Any = None,
        vectors_words: Any = None,
        train_vectors: bool = True,
        start: str = "random",
    ) -> None:
        super().__init__(context)
        self.given_width = None if width is None else whole(_WHERE, "width", width)
        self.vectors = vectors
        self.vectors_words = vectors_words
        self.train_vectors = train_vectors
        self.start_from = one_of(_WHERE, "start", start, STARTS)
        width = self.given_width or DEFAULT_WIDTH
        scale = width**-0.25
        self.rho = nn.Parameter(
            torch.randn(context.vocab_size, width) * scale, requires_grad=train_vectors
        )
        self.alpha = nn.Parameter(torch.randn(context.n_topics, width) * scale)

    def start(self) -> None:
        """Read or make ``vectors``, whose width decides E unless ``width`` said it; start at clusters.

        Raises:
            OptionError: unreadable vectors, or a width that differs from ``width``.
            TrainingError: vectors of a corpus without documents, or in which no two words meet.
        """
        if self.vectors is not None:
            self._read_vectors()
        if self.start_from == "clusters":
            self._start_at_clusters()

    def word_topic_vectors(self) -> tuple[Tensor, Tensor]:
        """Rho (V, E) and alpha (K, E)."""
        return self.rho, self.alpha

    def _start_at_clusters(self) -> None:
        words, _ = log_cluster_words(self.context)
        logits = words - words.mean(0)
        with torch.no_grad():
            if self.vectors is None and self.train_vectors:
                left, sizes, right = torch.linalg.svd(logits, full_matrices=False)
                used = min(len(sizes), self.rho.shape[1])
                root = sizes[:used].sqrt()
                self.rho[:, :used] = left[:, :used] * root
                self.alpha.zero_()
                self.alpha[:, :used] = right[:used].T * root
            else:
                self.alpha.copy_(torch.linalg.lstsq(self.rho, logits).solution.T)

    def _read_vectors(self) -> None:
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
                f"{self.given_width}; set it to that or to None"
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
        others = randn(values.shape, values, None) * known.std(correction=0)
        rho = torch.where(found.to(values.device)[:, None], values, others)
        self.rho = nn.Parameter(rho, requires_grad=self.train_vectors)
        # logits rho . alpha start at unit deviation whatever the vectors' own length
        shape = self.alpha.shape[0], values.shape[1]
        alpha = randn(shape, self.alpha, None)
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
        learning = self.training and torch.is_grad_enabled() and not self.rho.requires_grad
        if not learning or batch.has_most_words:
            return super().log_likelihood(theta, batch)
        words, col = batch.words()
        beta: Tensor = _TopicsAtWords.apply(self.rho, self.alpha, words)  # type: ignore[no-untyped-call]
        return -ops.sparse_multinomial_nll(batch.crow, col, batch.count, theta, beta)


class _TopicsAtWords(torch.autograd.Function):
    """beta_rk = softmax_v(rho_v . alpha_k) at words r, (R, K), with the gradient of alpha alone.

    d beta_rk / d alpha_k = beta_rk (rho_r - E_k[rho]), E_k[rho] = sum_v beta_vk rho_v (Dieng 2020,
    eq. 1), so that the backward reads no matrix of V x K numbers, as autograd's softmax does: a
    training step at V = 50,000 takes 1.1 times as long with that.
    """

    @staticmethod
    def forward(ctx: Any, rho: Tensor, alpha: Tensor, words: Tensor) -> Tensor:
        # autocast would make the products in half precision and lose digits of the logits
        with torch.autocast(rho.device.type, enabled=False):
            beta = torch.softmax(product(alpha, rho), 1)
            mean = product(beta, rho.T)
        rows = beta[:, words].T.contiguous()
        ctx.save_for_backward(rows, mean, rho, words)
        return rows

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, None]:
        rows, mean, rho, words = ctx.saved_tensors
        pull = grad * rows
        return None, pull.T @ rho[words] - pull.sum(0)[:, None] * mean, None
