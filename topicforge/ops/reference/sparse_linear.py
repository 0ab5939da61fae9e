"""The encoders' first layer: sparse rows times a dense matrix."""

from torch import Tensor
from torch.nn import functional as F


def sparse_linear(
    crow: Tensor,
    col: Tensor,
    value: Tensor,
    weight: Tensor,
    bias: Tensor,
    sparse_grad: bool = False,
) -> Tensor:
    """y_b = Σ_{v in document b} x_bv W_v + bias.

    ``crow`` (B + 1,), ``col`` and ``value`` (nnz,), ``weight`` W (V, H), ``bias`` (H,) →
    (B, H). With ``sparse_grad`` the gradient of ``weight`` is a sparse tensor of the rows that
    occur. embedding_bag is the fastest of PyTorch's own forms; it has first derivatives only.
    """
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
