"""Optuna's TPE, drawing each value from a generator of its own, so that a trial can be drawn again."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial


class SeededTPE(BaseSampler):
    """Tree-structured Parzen estimator, a setting at a time (Bergstra et al. 2011, section 4).

    A value follows from the trials that ended before, the seed, the trial's number and the setting's
    name alone. So nothing of the sampler is kept between runs: a search that was killed draws what an
    undisturbed one draws, whichever values of a trial were written before.

    Args:
        seed: of the search.
        parallel: several trials run at once; each then keeps away from where the others are.
    """

    def __init__(self, seed: int, *, parallel: bool = False) -> None:
        self._seed = seed
        self._parallel = parallel

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, Any]:
        """None: settings are drawn one by one, since which there are depends on the parts."""
        del study, trial
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Nothing."""
        del study, trial, search_space
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Draw one value."""
        told = f"{self._seed} {trial.number} {param_name}".encode()
        seed = int.from_bytes(hashlib.sha256(told).digest()[:4], "little")
        with warnings.catch_warnings():
            # of Optuna 4, for constant_liar
            warnings.simplefilter("ignore", ExperimentalWarning)
            tpe = TPESampler(seed=seed, multivariate=False, constant_liar=self._parallel)
        return tpe.sample_independent(study, trial, param_name, param_distribution)
