"""Mixtures for the tests of the three mixture operators: ordinary, empty, extreme."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Case:
    """Sizes of a mixture problem; ``far`` is how many standard deviations means are from 0."""

    B: int
    L: int
    C: int
    isotropic: bool = False
    far: float = 0.0
    log_var: float = 0.0

    def mixture(self, dtype: torch.dtype, device: str, seed: int = 0) -> list[Tensor]:
        """z (B, L), loc (C, L), log_var (C, L) or (C, 1), log_weight (C,)."""
        generator = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=torch.float64)

        deviation = 2.718281828459045 ** (0.5 * self.log_var)
        log_var = self.log_var + 0.3 * normal(self.C, 1 if self.isotropic else self.L)
        loc = deviation * normal(self.C, self.L) + self.far * deviation
        owner = torch.randint(self.C, (self.B,), generator=generator)
        z = loc[owner] + deviation * normal(self.B, self.L)
        log_weight = torch.log_softmax(normal(self.C), 0)
        return [x.to(dtype).to(device) for x in (z, loc, log_var, log_weight)]

    def posterior(self, dtype: torch.dtype, device: str, seed: int = 0) -> list[Tensor]:
        """The arguments of mixture_kl_bound: loc, log_var and z (B, L), then the mixture."""
        z, *mixture = self.mixture(dtype, device, seed)
        generator = torch.Generator().manual_seed(seed + 1000)
        noise = torch.randn(2, self.B, self.L, generator=generator, dtype=torch.float64)
        log_var = (self.log_var - 1.0 + 0.5 * noise[1]).to(dtype).to(device)
        loc = z + (0.5 * log_var).exp() * noise[0].to(dtype).to(device)
        return [loc, log_var, z, *mixture]


GRID = [
    Case(1, 1, 1),
    Case(0, 3, 4),
    Case(3, 2, 4, isotropic=True),
    Case(33, 7, 11),
    Case(65, 17, 10, isotropic=True),
    Case(140, 50, 50),
    Case(20, 5, 101),
]
# Means a thousand deviations from zero; variances of 1e-8 and 1e8; means 1e4 away at variance 1.
EXTREMES = [
    Case(40, 20, 12, far=1e3),
    Case(40, 6, 12, log_var=-18.420680744),
    Case(40, 6, 12, log_var=18.420680744, isotropic=True),
    Case(40, 6, 12, far=1e4),
]
# Relative to the largest entry. Each log-density of size L/2 to a few hundred is rounded, and a
# responsibility is its exponential; then sums of terms of both signs.
TOLERANCE = {torch.float32: 6e-5, torch.float64: 1e-12}
