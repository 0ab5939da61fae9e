"""The gradient of a softmax over the vocabulary, paid word by word when the word occurs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from topicforge import ops
from topicforge.errors import OptionError

#: steps after which sums start anew, so that float32 keeps what one step adds
ROUND = 1024


class LazyWords(nn.Module):
    """dl_vk = beta_vk (G_vk - sum_s c_k(s)) for words v of the batch, 0 for others.

    With logits l = rho alpha^T and beta_k = softmax over words, G = dLoss / dbeta, which only words
    of the batch have, and c_k = sum_v beta_vk G_vk, the exact gradient is beta_vk (G_vk - c_k) for
    all V words: the normaliser pushes at every word in every step. Here a word's pushes wait until
    it occurs: s runs over the steps since it last did, up to the present one. So up to a word's
    last occurrence all pushes of dense training were paid, with the c of the step that owed them
    and the beta of the step that paid; for small steps the sums agree, and SGD ends where dense SGD
    ends (``tests/decoders/test_lazy_words.py``).

    (n_v c_k with n_v the steps since would need less memory, but is wrong in the mean: the batches
    in which a word occurs have more of its topics, and so a larger c_k, than others.)

    The value stays exact: the normaliser is computed from all words, V x K x E multiplications
    and nothing kept. The backward, and a row-wise optimiser's step, follow the words of the batch.

    Args:
        vocab_size: V.
        n_topics: K.

    Attributes:
        row_sparse: give rho a gradient of the words that occur alone
            (:meth:`topicforge.contracts.Component.use_row_gradients`), else zeros stand for the others.
        step: backward passes so far; a buffer as the following, so that it is saved.
        total: (K,) sum of c over them.
        paid: (V, K) that sum when a word last occurred.

    Raises:
        OptionError: in a training on several processes, each of which sees words of its own.
    """

    row_sparse: bool = False
    step: Tensor
    total: Tensor
    paid: Tensor

    def __init__(self, vocab_size: int, n_topics: int) -> None:
        super().__init__()
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self.register_buffer("total", torch.zeros(n_topics))
        self.register_buffer("paid", torch.zeros(vocab_size, n_topics))

    def forward(self, rho: Tensor, alpha: Tensor, words: Tensor) -> Tensor:
        """Return beta of the words, (R, K), with the gradient above; its backward is one step.

        Args:
            rho: (V, E) word vectors.
            alpha: (K, E) topic vectors.
            words: (R,) the different words of the batch, rising.
        """
        spread = torch.distributed
        if spread.is_available() and spread.is_initialized() and spread.get_world_size() > 1:
            raise OptionError(
                "decoder 'embedding': option 'lazy_words' must be False in a training on "
                f"{spread.get_world_size()} processes: each sees other words"
            )
        with torch.no_grad():
            normaliser = log_normaliser(rho, alpha)
        rows = _Rows.apply(rho, words) if self.row_sparse else rho.index_select(0, words)  # type: ignore[no-untyped-call]
        logits = rows @ alpha.T
        normaliser = _Normaliser.apply(logits, normaliser, words, self)  # type: ignore[no-untyped-call]
        return torch.exp(logits - normaliser)

    def settle(self, push: Tensor, words: Tensor) -> Tensor:
        """Add -c of a step, ``push`` (K,), and return what the words (R,) owe now, (R, K)."""
        self.step += 1
        self.total += push
        owed = self.total - self.paid.index_select(0, words)
        self.paid[words] = self.total
        if int(self.step) % ROUND == 0:
            self.paid -= self.total
            self.total.zero_()
        return owed


def log_normaliser(rho: Tensor, alpha: Tensor) -> Tensor:
    """Log sum_v exp(rho_v . alpha_k), (K,).

    A topic is to the product decoder's operator a document: one whose only word is word 0 costs
    log Z_k - rho_0 . alpha_k, and no (V, K) matrix is kept.
    """
    one = torch.arange(len(alpha) + 1, device=alpha.device)
    word, count, bias = (
        torch.zeros_like(one[1:]),
        alpha.new_ones(len(alpha)),
        rho.new_zeros(len(rho)),
    )
    return ops.product_multinomial_nll(one, word, count, alpha, rho, bias) + alpha @ rho[0]


class _Normaliser(torch.autograd.Function):
    """log Z_k with the gradient beta_vk times what each word of the batch owes."""

    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, log_normaliser: Tensor, words: Tensor, ledger: LazyWords
    ) -> Tensor:
        ctx.save_for_backward(logits, log_normaliser, words)
        ctx.ledger = ledger
        return log_normaliser.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        logits, log_normaliser, words = ctx.saved_tensors
        owed = ctx.ledger.settle(grad, words)
        return torch.exp(logits - log_normaliser) * owed, None, None, None


class _Rows(torch.autograd.Function):
    """weight[words] with a sparse gradient; words rise, so that it is coalesced as it is."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, words: Tensor) -> Tensor:
        ctx.save_for_backward(words)
        ctx.shape = weight.shape
        return weight.index_select(0, words)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        (words,) = ctx.saved_tensors
        return torch.sparse_coo_tensor(
            words[None], grad, ctx.shape, is_coalesced=True, check_invariants=False
        ), None
