"""Philox4x32-10 (Salmon et al. 2011): random numbers without a state, the native kernels' own.

Number i depends on the key and on i alone, so that the reference draws what the kernels draw, on
every device and with any number of threads.
"""

import torch
from torch import Tensor

_LOW = 0xFFFFFFFF


def _multiply(a: int, b: Tensor) -> tuple[Tensor, Tensor]:
    """High and low half of the 64-bit product of 32-bit numbers held in int64."""
    product = b * a  # wraps around to the right 64 bits
    return (product >> 32) & _LOW, product & _LOW


def philox(
    seed: Tensor, element: Tensor, c2: int, c3: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Four 32-bit words, in int64, a counter (element's two halves, c2, c3) under the key ``seed``."""
    words = (element & _LOW, (element >> 32) & _LOW, torch.full_like(element, c2))
    a, b, c, d = *words, torch.full_like(element, c3)
    k0, k1 = seed & _LOW, (seed >> 32) & _LOW
    for _ in range(10):
        high_a, low_a = _multiply(0xD2511F53, a)
        high_c, low_c = _multiply(0xCD9E8D57, c)
        a, b, c, d = high_c ^ b ^ k0, low_c, high_a ^ d ^ k1, low_a
        k0, k1 = (k0 + 0x9E3779B9) & _LOW, (k1 + 0xBB67AE85) & _LOW
    return a, b, c, d


def uniform(high: Tensor, low: Tensor) -> Tensor:
    """Two 32-bit words as a float64 in (0, 1): the middle of one of 2⁵² cells, never an end."""
    return (((high << 20) | (low >> 12)).to(torch.float64) + 0.5) * 2.0**-52
