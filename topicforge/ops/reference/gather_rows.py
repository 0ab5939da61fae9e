"""Plain PyTorch twin of :func:`topicforge.ops.gather_rows`."""

import torch
from torch import Tensor


def gather_rows(
    indptr: Tensor, indices: Tensor, counts: Tensor, rows: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Positions of all entries by one repeat and one range, then three gathers."""
    begin = indptr[rows]
    lengths = indptr[rows + 1] - begin
    crow = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
    at = torch.repeat_interleave(begin - crow[:-1], lengths)
    at += torch.arange(len(at), device=at.device)
    return crow, indices[at].long(), counts[at].float()
