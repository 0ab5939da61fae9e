"""Do the ranks of several contestants over several corpora mean anything?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from topicforge.errors import InputError


@dataclass(frozen=True)
class Ranks:
    """Mean ranks and whether they differ.

    Args:
        names: contestants, the best first.
        mean_ranks: their ranks averaged over the blocks, 1 is best.
        n_blocks: N.
        p_value: of the test named in ``test``; ``nan`` with a single block.
        test: in words.
        critical_difference: mean ranks that differ by less do not differ at the level 0.05
            (Nemenyi); ``nan`` with a single block.
    """

    names: tuple[str, ...]
    mean_ranks: tuple[float, ...]
    n_blocks: int
    p_value: float
    test: str
    critical_difference: float

    def groups(self) -> list[tuple[int, int]]:
        """Return (first, last) of every longest run of contestants that the test can't tell apart."""
        if math.isnan(self.critical_difference):
            return [(0, len(self.names) - 1)] if len(self.names) > 1 else []
        found: list[tuple[int, int]] = []
        for first in range(len(self.names)):
            near = [
                last for last in range(first, len(self.names))
                if self.mean_ranks[last] - self.mean_ranks[first] <= self.critical_difference
            ]  # fmt: skip
            last = near[-1]
            if last > first and not (found and found[-1][1] >= last):
                found.append((first, last))
        return found


def rank(names: Sequence[str], values: NDArray[np.float64], alpha: float = 0.05) -> Ranks:
    """Rank k contestants over N blocks (corpora), higher values are better.

    Friedman's test for k > 2: chi2_F = 12 N / (k (k + 1)) (sum_j R_j^2 - k (k + 1)^2 / 4), and
    Nemenyi's critical difference CD = q_alpha sqrt(k (k + 1) / (6 N)) with q_alpha the Studentised
    range over sqrt(2) (Demšar 2006, section 3.2.2); Wilcoxon's signed ranks for k = 2 (3.1.3).

    Args:
        names: k contestants.
        values: (N, k).
        alpha: level of the critical difference.

    Raises:
        InputError: shapes that don't agree, or a value that is not finite.
    """
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] != len(names) or not values.size:
        raise InputError(
            f"rank: values must be (blocks, {len(names)} contestants) and not empty, got {values.shape}"
        )
    if not np.isfinite(values).all():
        raise InputError("rank: every value must be finite; leave out contestants that failed")
    n, k = values.shape
    ranks = stats.rankdata(-values, axis=1).mean(0)
    order = np.argsort(ranks, kind="stable")
    p_value, test, difference = math.nan, "one corpus can't be tested", math.nan
    if n > 1 and k > 1:
        q = float(stats.studentized_range.ppf(1 - alpha, k, np.inf)) / math.sqrt(2)
        difference = q * math.sqrt(k * (k + 1) / (6 * n))
        alike = bool(np.all(values == values[:, :1]))
        if k > 2:
            test = "Friedman"
            p_value = 1.0 if alike else float(stats.friedmanchisquare(*values.T).pvalue)
        else:
            test = "Wilcoxon signed ranks"
            p_value = 1.0 if alike else float(stats.wilcoxon(values[:, 0], values[:, 1]).pvalue)
    return Ranks(
        tuple(names[i] for i in order),
        tuple(float(ranks[i]) for i in order),
        n, p_value, test, difference,
    )  # fmt: skip
