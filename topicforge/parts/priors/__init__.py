"""Built-in priors."""

from topicforge.parts.priors.dirichlet import DirichletPrior
from topicforge.parts.priors.gaussian import GaussianPrior
from topicforge.parts.priors.gmm import GmmPrior

__all__ = ["DirichletPrior", "GaussianPrior", "GmmPrior"]
