"""The encoders' first layer on sparse counts."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from topicforge.errors import OptionError
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
    sparse_grad: bool = False,
) -> Tensor:
    """y_b = Σ_{v in document b} x_bv W_v + bias.

    Args:
        crow: (B + 1,) int64 or int32: document b holds entries crow[b] to crow[b + 1].
        col: (nnz,) int64 or int32 word numbers below V.
        value: (nnz,) floating point, the input of each entry; differentiable.
        weight: (V, H) W; a word is a row.
        bias: (H,).
        impl: "auto", "native" or "reference".
        sparse_grad: hand ``weight`` a sparse gradient that holds only rows that occur, for
            optimisers that understand one (:class:`torch.optim.SparseAdam`); dense otherwise.
            Eager only: what is compiled, exported or scripted has dense gradients.

    Returns:
        (B, H), in the common dtype of ``weight`` and ``bias``, at least float32; the bias alone
        for an empty document. First derivatives only, in both implementations.

    Raises:
        InputError: kinds, shapes, devices or word numbers don't fit together. On a GPU the native
            operator does not check word numbers, which would wait for the device: one outside of the
            vocabulary makes its document's result NaN.
        OptionError: ``impl`` is none of the three, or ``sparse_grad`` is set while tracing.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.

    Source: a dense layer, x Wᵀ + b, with the zeros of x left out.
    """
    if is_scripting():
        if sparse_grad:
            raise RuntimeError("sparse_linear: sparse_grad works in eager mode only; leave it out")
        weight, bias = widen(weight), widen(bias)
        result: Tensor = torch.ops.topicforge.sparse_linear(
            crow.long(), col.long(), value.to(weight.dtype), weight, bias
        )
        return result
    else:
        return _sparse_linear(crow, col, value, weight, bias, impl, sparse_grad)


def _sparse_linear(
    crow: Tensor,
    col: Tensor,
    value: Tensor,
    weight: Tensor,
    bias: Tensor,
    impl: str,
    sparse_grad: bool,
) -> Tensor:
    crow, col = check_counts(_NAME, crow, col, value, "value")
    weight, bias = harmonise(_NAME, crow, weight=weight, bias=bias)
    check_shapes(_NAME, weight=(weight, "VH"), bias=(bias, "H"))
    value = value.to(weight.dtype)
    if sparse_grad and torch.compiler.is_compiling():
        raise OptionError(f"{_NAME}: sparse_grad works in eager mode only; leave it out here")
    if _library.serves(_NAME, impl, weight.device.type):
        try:
            result: Tensor
            if sparse_grad:
                result = _SparseGradient.apply(crow, col, value, weight, bias)  # type: ignore[no-untyped-call]
            else:
                result = torch.ops.topicforge.sparse_linear(crow, col, value, weight, bias)
        except RuntimeError:
            check_words(_NAME, crow, col, weight.shape[0])
            raise
        return result
    check_words(_NAME, crow, col, weight.shape[0])
    return _reference(crow, col, value, weight, bias, sparse_grad)


def _reference(
    crow: Tensor, col: Tensor, value: Tensor, weight: Tensor, bias: Tensor, sparse_grad: bool
) -> Tensor:
    """embedding_bag is the fastest of PyTorch's own forms; it has first derivatives only."""
    rows = F.embedding_bag(
        col,
        weight,
        crow,
        mode="sum",
        per_sample_weights=value,
        include_last_offset=True,
        sparse=sparse_grad,
    )
    return rows + bias


@torch.no_grad()
def weight_gradient(
    grad: Tensor, crow: Tensor, col: Tensor, value: Tensor, weight: Tensor, sparse_grad: bool
) -> Tensor:
    """X^T dY, the gradient of :func:`sparse_linear` at its weight, by itself.

    Args:
        grad: (B, H) dY.
        crow: (B + 1,) int64.
        col: (nnz,) int64 words, valid.
        value: (nnz,) inputs.
        weight: (V, H), for its shape and kind.
        sparse_grad: only the rows that occur.

    Returns:
        (V, H), strided or sparse.
    """
    value, grad = value.to(weight.dtype), grad.to(weight.dtype)
    if not _library.serves(_NAME, "auto", weight.device.type):
        wide = weight.detach().requires_grad_()
        with torch.enable_grad():
            bias = wide.new_zeros(wide.shape[1])
            y = _reference(crow, col, value, wide, bias, sparse_grad)
        return torch.autograd.grad(y, wide, grad)[0]
    if sparse_grad:
        return _rows_of_words(grad, crow, col, value, weight)
    dense: Tensor = torch.ops.topicforge._sparse_linear_backward(
        grad, crow, col, value, weight, False, True, False
    )[1]
    return dense


def _rows_of_words(
    grad: Tensor, crow: Tensor, col: Tensor, value: Tensor, weight: Tensor
) -> Tensor:
    word, rows = torch.ops.topicforge._sparse_linear_backward_rows(
        grad, crow, col, value, weight.shape[0]
    )
    # The words rise and none comes twice: coalesced as it is, and no check is owed.
    return torch.sparse_coo_tensor(
        word[None], rows, weight.shape, is_coalesced=True, check_invariants=False
    )


class _SparseGradient(torch.autograd.Function):
    """The native operator with a sparse gradient of the weight: the rows that occur, and no more.

    Not part of the operator's own gradient, because what is traced (torch.compile, torch.export)
    must have dense gradients.
    """

    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        ctx.save_for_backward(*inputs[:4])
        result: Tensor = torch.ops.topicforge.sparse_linear(*inputs)
        return result

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        crow, col, value, weight = ctx.saved_tensors
        want_value, want_weight, want_bias = ctx.needs_input_grad[2:]
        grad_value, _, grad_bias = torch.ops.topicforge._sparse_linear_backward(
            grad, crow, col, value, weight, want_value, False, want_bias
        )
        grad_weight = _rows_of_words(grad, crow, col, value, weight) if want_weight else None
        grad_value, grad_bias = _library.wanted((grad_value, grad_bias), (want_value, want_bias))
        return None, None, grad_value, grad_weight, grad_bias


def _fake_backward(
    grad: Tensor, crow: Tensor, col: Tensor, value: Tensor, weight: Tensor, *wants: bool
) -> tuple[Tensor, ...]:
    bias = weight.new_empty(weight.shape[1])
    return gradients_like((value, weight, bias), wants)


def _fake_backward_rows(
    grad: Tensor, crow: Tensor, col: Tensor, value: Tensor, n_words: int
) -> tuple[Tensor, Tensor]:
    occurring = torch.library.get_ctx().new_dynamic_size()
    return col.new_empty(occurring), grad.new_empty(occurring, grad.shape[1])


_library.register(
    _NAME,
    lambda crow, col, value, weight, bias: weight.new_empty(crow.shape[0] - 1, weight.shape[1]),
    *_library.wanted_gradients(_NAME, 2, read=4),
)
_TWICE = "neither has the reference; write value and weight as a dense product to get one"
_library.register(f"_{_NAME}_backward", _fake_backward, twice=_TWICE)
_library.register(f"_{_NAME}_backward_rows", _fake_backward_rows, twice=_TWICE)
