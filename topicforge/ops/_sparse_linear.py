"""The encoders' first layer on sparse counts."""

import torch
from torch import Tensor
from torch.nn import functional as F

from topicforge.ops import _library
from topicforge.ops._arguments import (
    check_counts,
    check_shapes,
    check_words,
    gradients_like,
    harmonise,
    is_scripting,
    widen,
)

_NAME = "sparse_linear"


def sparse_linear(
    crow: Tensor,
    col: Tensor,
    value: Tensor,
    weight: Tensor,
    bias: Tensor,
    impl: str = "auto",
) -> Tensor:
    """y_b = Σ_{v in document b} x_bv W_v + bias.

    Args:
        crow: (B + 1,) int64 or int32: document b holds entries crow[b] to crow[b + 1].
        col: (nnz,) int64 or int32 word numbers below V.
        value: (nnz,) floating point, the input of each entry; differentiable.
        weight: (V, H) W; a word is a row.
        bias: (H,).
        impl: "auto", "native" or "reference".

    Returns:
        (B, H), in the common dtype of ``weight`` and ``bias``, at least float32; the bias alone
        for an empty document. First derivatives only, in both implementations.

    Raises:
        InputError: kinds, shapes, devices or word numbers don't fit together. On a GPU the native
            operator does not check word numbers, which would wait for the device: one outside of the
            vocabulary makes its document's result NaN.
        OptionError: ``impl`` is none of the three.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.

    Source: a dense layer, x Wᵀ + b, with the zeros of x left out.
    """
    if is_scripting():
        weight, bias = widen(weight), widen(bias)
        result: Tensor = torch.ops.topicforge.sparse_linear(
            crow.long(), col.long(), value.to(weight.dtype), weight, bias
        )
        return result
    else:
        return _sparse_linear(crow, col, value, weight, bias, impl)


def _sparse_linear(
    crow: Tensor,
    col: Tensor,
    value: Tensor,
    weight: Tensor,
    bias: Tensor,
    impl: str,
) -> Tensor:
    crow, col = check_counts(_NAME, crow, col, value, "value")
    weight, bias = harmonise(_NAME, crow, weight=weight, bias=bias)
    check_shapes(_NAME, weight=(weight, "VH"), bias=(bias, "H"))
    value = value.to(weight.dtype)
    if _library.serves(_NAME, impl, weight.device.type):
        try:
            result: Tensor = torch.ops.topicforge.sparse_linear(crow, col, value, weight, bias)
        except RuntimeError:
            check_words(_NAME, crow, col, weight.shape[0])
            raise
        return result
    check_words(_NAME, crow, col, weight.shape[0])
    return _reference(crow, col, value, weight, bias)


def _reference(crow: Tensor, col: Tensor, value: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """embedding_bag is the fastest of PyTorch's own forms; it has first derivatives only."""
    rows = F.embedding_bag(
        col,
        weight,
        crow,
        mode="sum",
        per_sample_weights=value,
        include_last_offset=True,
    )
    return rows + bias


def _fake_backward(
    grad: Tensor, crow: Tensor, col: Tensor, value: Tensor, weight: Tensor, *wants: bool
) -> tuple[Tensor, ...]:
    bias = weight.new_empty(weight.shape[1])
    return gradients_like((value, weight, bias), wants)


_library.register(
    _NAME,
    lambda crow, col, value, weight, bias: weight.new_empty(crow.shape[0] - 1, weight.shape[1]),
    *_library.wanted_gradients(_NAME, 2, read=4),
    reference=_reference,
)
_TWICE = "neither has the reference; write value and weight as a dense product to get one"
_library.register(f"_{_NAME}_backward", _fake_backward, twice=_TWICE)
