"""Built-in priors."""

from topicforge.priors.dirichlet import DirichletPrior
from topicforge.priors.gaussian import GaussianPrior
from topicforge.priors.gmm import GmmPrior

__all__ = ["DirichletPrior", "GaussianPrior", "GmmPrior"]
