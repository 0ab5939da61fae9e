"""Compressed sparse rows in plain PyTorch."""

import torch
from torch import Tensor


def row_of_entry(crow: Tensor, nnz: int) -> Tensor:
    """The row of each entry: crow (B + 1,) → (nnz,) int64."""
    rows = torch.arange(crow.shape[0] - 1, device=crow.device)
    return torch.repeat_interleave(rows, crow.diff(), output_size=nnz)


def sum_rows(entry: Tensor, row: Tensor, n_rows: int) -> Tensor:
    """Σ of the entries of each row: (nnz,) and (nnz,) → (n_rows,)."""
    return entry.new_zeros(n_rows).index_add(0, row, entry)
