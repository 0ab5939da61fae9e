"""The sparse first layer of an encoder, in one process or in several."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from topicforge import distributed, ops
from topicforge.ops._sparse_linear import weight_gradient


def word_layer(
    crow: Tensor,
    col: Tensor,
    value: Tensor,
    weight: Tensor,
    bias: Tensor,
    *,
    sparse_grad: bool = False,
    shared: bool = False,
) -> Tensor:
    """y_b = sum_{v in document b} x_bv W_v + bias, :func:`topicforge.ops.sparse_linear` of a batch in parts.

    With ``shared``, where N processes share the batch, the weight's gradient is already the average over
    them, 1/N sum_r X_r^T dY_r, and so is not averaged once more: instead of V x H numbers, every process
    tells the others its documents and its dY, B/N x H numbers, and sums up the rows of all words of
    the batch itself. The bias' gradient is that of the own documents, as everywhere else.

    Args:
        crow: (B + 1,) int64, where documents begin.
        col: (nnz,) int64 words.
        value: (nnz,) input of each entry; it gets no gradient where the layer is shared.
        weight: (V, H) W.
        bias: (H,).
        sparse_grad: hand the weight a sparse gradient of the rows that occur.
        shared: as above; ``weight`` must then be left out of what averages gradients.

    Returns:
        (B, H).

    Raises:
        TrainingError: another process is gone.
    """
    share = distributed.current()
    if not shared or share is None or share.world_size == 1:
        return ops.sparse_linear(crow, col, value, weight, bias, sparse_grad=sparse_grad)
    result: Tensor = _Shared.apply(crow, col, value, weight, bias, share, sparse_grad)  # type: ignore[no-untyped-call]
    return result


class _Shared(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        crow: Tensor,
        col: Tensor,
        value: Tensor,
        weight: Tensor,
        bias: Tensor,
        share: distributed.Share,
        sparse_grad: bool,
    ) -> Tensor:
        ctx.save_for_backward(crow, col, value, weight)
        ctx.share, ctx.sparse_grad = share, sparse_grad
        return ops.sparse_linear(crow, col, value, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        crow, col, value, weight = ctx.saved_tensors
        grad_weight = None
        if ctx.needs_input_grad[3]:
            with distributed.sharing(ctx.share):
                all_col, all_value = distributed.gather_entries([col, value])
                lengths, all_grad = distributed.gather_rows([crow.diff(), grad])
            all_crow = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
            grad_weight = weight_gradient(
                all_grad / ctx.share.world_size, all_crow, all_col, all_value, weight,
                ctx.sparse_grad,
            )  # fmt: skip
        grad_bias = grad.sum(0) if ctx.needs_input_grad[4] else None
        return None, None, None, grad_weight, grad_bias, None, None
