"""ETM's topics at the words of a batch, over fixed word vectors."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from topicforge.errors import InputError
from topicforge.ops import _library
from topicforge.ops._arguments import check_shapes, harmonise

_NAME = "topic_word_rows"


def topic_word_rows(weight: Tensor, topic: Tensor, word: Tensor, impl: str = "auto") -> Tensor:
    """β_rk = exp(w_r · t_k) / Σ_v exp(w_v · t_k) at words r of all V, with the gradient of t.

    ∂β_rk / ∂t_k = β_rk (w_r − E_k[w]) needs nothing of the other words but their mean under the
    softmax, E_k[w] = Σ_v β_vk w_v. So one pass over the words, 4 V E K operations with w read once,
    serves forward and backward, and nothing of size V x K is kept; the backward costs 2 R E K. That
    is why ``weight`` has no gradient here. A training step of etm with fixed word vectors takes 1.3 to
    1.5 times as long with torch's softmax at V = 50,000.

    Args:
        weight: (V, E) w, fixed word vectors; a word is a row.
        topic: (K, E) t, topic vectors.
        word: (R,) int64 words wanted, below V, each larger than the one before.
        impl: "auto", "native" or "reference".

    Returns:
        (R, K), in the common dtype of weight and topic, at least float32.

    Raises:
        InputError: kinds, shapes, devices or words don't fit together, no words, or ``weight``
            requires a gradient.
        OptionError: ``impl`` is none of the three.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.

    Source: Dieng, Ruiz and Blei 2020, eq. 1.
    """
    weight, topic = harmonise(_NAME, weight=weight, topic=topic)
    if not isinstance(word, Tensor) or word.dtype != torch.int64 or word.device != weight.device:
        came = f"{word.dtype} on {word.device}" if isinstance(word, Tensor) else type(word).__name__
        raise InputError(
            f"{_NAME}: word must be int64 on {weight.device} beside weight, but is {came}"
        )
    check_shapes(_NAME, weight=(weight, "VE"), topic=(topic, "KE"), word=(word, "R"))
    if weight.shape[0] == 0:
        raise InputError(f"{_NAME}: weight must have a row per word, but the vocabulary is empty")
    if weight.requires_grad and torch.is_grad_enabled():
        raise InputError(
            f"{_NAME}: weight gets no gradient here; detach it, or take the softmax of its logits"
        )
    native = _library.serves(_NAME, impl, weight.device.type)
    result: Tensor = _TopicWordRows.apply(weight, topic, word, native)  # type: ignore[no-untyped-call]
    return result


class _TopicWordRows(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, topic: Tensor, word: Tensor, native: bool) -> Tensor:
        beta: Tensor
        if native:
            try:
                beta, mean = torch.ops.topicforge.topic_word_rows(weight, topic, word)
            except RuntimeError:
                _check_words(word, weight)
                raise
        else:
            _check_words(word, weight)
            # Autocast would do the matrix products in half and lose the digits of the logits.
            with torch.autocast(weight.device.type, enabled=False):
                softmax = torch.softmax(weight @ topic.T, 0)
                beta, mean = softmax[word], softmax.T @ weight
        ctx.save_for_backward(beta, mean, weight, word)
        ctx.native = native
        return beta

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, None, None]:
        kept = ctx.saved_tensors
        with torch.autocast(grad.device.type, enabled=False):
            if ctx.native:
                topic_grad = torch.ops.topicforge._topic_word_rows_backward(grad, *kept)
            else:
                topic_grad = _reference_gradient(grad, *kept)
        return None, topic_grad, None, None


def _reference_gradient(
    grad: Tensor, beta: Tensor, mean: Tensor, weight: Tensor, word: Tensor
) -> Tensor:
    """Σ_r G_rk β_rk (w_r − E_k[w]), (K, E)."""
    pull = grad * beta
    return pull.T @ weight[word] - pull.sum(0)[:, None] * mean


def _check_words(word: Tensor, weight: Tensor) -> None:
    """Each word once, in order, below V; reads every element."""
    if not word.shape[0]:
        return
    first, last = int(word[0]), int(word[-1])
    if first < 0 or last >= weight.shape[0] or not bool((word.diff() > 0).all()):
        raise InputError(
            f"{_NAME}: word must rise within [0, {weight.shape[0]}) without repeats, but runs from "
            f"{first} to {last}; batch.words() gives it so"
        )


_library.register(
    _NAME,
    lambda weight, topic, word: (
        topic.new_empty(word.shape[0], topic.shape[0]),
        topic.new_empty(topic.shape),
    ),
)
_library.register(f"_{_NAME}_backward", lambda grad, beta, mean, *_: mean.new_empty(mean.shape))
