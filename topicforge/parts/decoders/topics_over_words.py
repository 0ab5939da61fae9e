"""What decoders with an explicit topic-word matrix share: p(x) = theta beta."""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from topicforge import ops
from topicforge.contracts import Batch, Decoder


class TopicsOverWords(Decoder):
    """log p(x | theta) = sum_v x_v log(sum_k theta_k beta_kv), beta_k = softmax over words."""

    @abstractmethod
    def logits(self) -> Tensor:
        """(V, K): beta before its softmax; each word a contiguous row for the sparse kernel."""

    def beta(self) -> Tensor:
        """(V, K): p(word | topic), columns sum to one."""
        return torch.softmax(self.logits(), 0)

    def log_likelihood(self, theta: Tensor, batch: Batch) -> Tensor:
        """(B,), touching only the words that occur: O(nnz K)."""
        return -ops.sparse_multinomial_nll(batch.crow, batch.col, batch.count, theta, self.beta())

    def topic_word(self, theta: Tensor) -> Tensor:
        """Theta beta, (R, V)."""
        return theta @ self.beta().T
