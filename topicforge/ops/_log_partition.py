"""The normaliser of a softmax over words that stand still."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from topicforge.errors import InputError
from topicforge.ops import _library, reference
from topicforge.ops._arguments import check_columns, check_matrix, harmonise

_NAME = "log_partition"


def log_partition(weight: Tensor, topic: Tensor, impl: str = "auto") -> Tensor:
    """Log Z_k = log Σ_v exp(w_v · t_k), with the gradient E_k[w] = Σ_v exp(w_v · t_k) w_v / Z_k.

    Both come from one pass over the words: 4 V E K operations, w read once, and in the backward
    nothing of size V. That is half again as fast as the logits' tiles made twice, forward and
    backward, and it is why ``weight`` has no gradient here.

    Args:
        weight: (V, E) w, word vectors that don't learn; a word is a row.
        topic: (K, E) t, topic vectors.
        impl: "auto", "native" or "reference".

    Returns:
        (K,), in the common dtype of both, at least float32.

    Raises:
        InputError: kinds, shapes or devices don't fit together, no words, or ``weight`` wants a
            gradient.
        OptionError: ``impl`` is none of the three.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.

    Source: the normaliser of Dieng, Ruiz and Blei 2020, eq. 1; its gradient is the softmax' mean.
    """
    check_matrix(_NAME, "weight", weight, "(V, E)")
    check_matrix(_NAME, "topic", topic, "(K, E)")
    check_columns(_NAME, "weight", weight, "topic", topic, "E")
    weight, topic = harmonise(_NAME, weight=weight, topic=topic)
    if weight.shape[0] == 0:
        raise InputError(f"{_NAME}: weight must have a row a word, but the vocabulary is empty")
    if weight.requires_grad and torch.is_grad_enabled():
        raise InputError(
            f"{_NAME}: weight gets no gradient here; detach it, or take the softmax of its logits"
        )
    native = _library.serves(_NAME, impl, weight.device.type)
    result: Tensor = _LogPartition.apply(weight, topic, native)  # type: ignore[no-untyped-call]
    return result


class _LogPartition(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, topic: Tensor, native: bool) -> Tensor:
        value: Tensor
        if native:
            value, mean = torch.ops.topicforge.log_partition(weight, topic)
        else:
            # Autocast would do the matrix products in half and lose the digits of the logits.
            with torch.autocast(weight.device.type, enabled=False):
                value, mean = reference.log_partition(weight, topic)
        ctx.save_for_backward(mean)
        return value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, None]:
        (mean,) = ctx.saved_tensors
        return None, grad[:, None] * mean, None


def _fake(weight: Tensor, topic: Tensor) -> tuple[Tensor, Tensor]:
    return topic.new_empty(topic.shape[0]), topic.new_empty(topic.shape)


_library.register(_NAME, _fake)
