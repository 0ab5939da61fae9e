"""Latent distributions: the types by which posteriors, priors and divergences are matched."""

from topicforge.distributions.base import Distribution
from topicforge.distributions.diagonal_normal import DiagonalNormal
from topicforge.distributions.dirichlet import Dirichlet
from topicforge.distributions.logistic_normal import LogisticNormal
from topicforge.distributions.normal_mixture import NormalMixture
from topicforge.distributions.point import Point

__all__ = [
    "DiagonalNormal",
    "Dirichlet",
    "Distribution",
    "LogisticNormal",
    "NormalMixture",
    "Point",
]
