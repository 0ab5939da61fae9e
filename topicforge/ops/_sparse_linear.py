"""The encoders' first layer on sparse counts."""

from torch import Tensor

from topicforge.errors import InputError
from topicforge.ops import reference
from topicforge.ops._arguments import check_matrix, harmonise
from topicforge.ops._csr import check_csr, check_csr_elements, check_device
from topicforge.ops._library import serves

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

    Returns:
        (B, H), in the common dtype of ``weight`` and ``bias``, at least float32; the bias alone
        for an empty document. First derivatives only, in both implementations.

    Raises:
        InputError: kinds, shapes, devices or word numbers don't fit together.
        OptionError: ``impl`` is none of the three.
        KernelUnavailableError: ``impl="native"`` and no native operator serves this call.

    Source: a dense layer, x Wᵀ + b, with the zeros of x left out.
    """
    crow, col = check_csr(_NAME, crow, col, value, "value")
    check_matrix(_NAME, "weight", weight, "(V, H)")
    check_device(_NAME, crow, "weight", weight)
    weight, bias = harmonise(_NAME, weight=weight, bias=bias)
    if bias.shape != weight.shape[1:]:
        raise InputError(
            f"{_NAME}: bias must have shape (H,) = ({weight.shape[1]},), but has "
            f"{tuple(bias.shape)}"
        )
    value = value.to(weight.dtype)
    serves(_NAME, impl, weight.device.type)
    check_csr_elements(_NAME, crow, col, weight.shape[0])
    return reference.sparse_linear(crow, col, value, weight, bias, sparse_grad)
