"""The Gaussian-mixture prior, learned or fixed, started at random or from data."""

from __future__ import annotations

import warnings
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from topicforge.contracts import Context, Latent, Prior
from topicforge.contracts.options import one_of, positive, whole
from topicforge.distributions import NormalMixture
from topicforge.errors import TrainingError

LEARN = ("all", "components", "none")
STARTS = ("spread", "fit")
COVARIANCES = ("diagonal", "isotropic")
TOPICS = ("one-hot", "components")
_WHERE = "prior 'gmm'"
_FARTHEST = 1e15  # squares of latents must fit into a float32 variance
_LEAST = 1e-4  # of softplus(raw) at a start: at 0 raw would be minus infinity


class GmmPrior(Prior):
    """p(z) = sum_c pi_c N(z; mu_c, diag(sigma2_c)) (VaDE, Jiang 2017; Zhang, survey, eq. 12 and 13).

    pi = softmax(logits) and sigma2 = floor + softplus(raw), so neither can leave its domain.

    Args:
        context: sizes.
        n_components: number of components C; ``None`` for n_topics.
        learn: ``components``: means and variances are trained, pi stays uniform (every parameter
            is reparameterised, so any divergence fits); ``all``: pi too (its gradient needs a
            density, so MMD refuses it); ``none``: the mixture stays where it started.
        covariance: ``diagonal`` or ``isotropic`` (one variance per component).
        start: ``spread``: means drawn uniformly from the sphere of ``radius``, variances 1;
            ``fit``: scikit-learn's GaussianMixture on the posterior means after pretraining. pi starts
            uniform, as in VaDE; with ``learn="none"`` it is that mixture's.
        radius: length of the means under ``spread``, in units of z.
        variance_floor: lower bound of every variance, > 0; none reaches it.
        fit_documents: largest number of documents whose latents the start ``fit`` reads.
        topics: ``one-hot``: topic k is the decoder at theta = e_k; ``components``: at the link of the
            mean of component k, and theta is the responsibilities (Zhang, survey, section 4).
    """

    latent: ClassVar[Latent] = Latent(NormalMixture)

    def __init__(
        self,
        context: Context,
        *,
        n_components: int | None = None,
        learn: str = "components",
        covariance: str = "diagonal",
        start: str = "spread",
        radius: float = 3.0,
        variance_floor: float = 1e-2,
        fit_documents: int = 20_000,
        topics: str = "one-hot",
    ) -> None:
        super().__init__(context)
        self.topics = one_of(_WHERE, "topics", topics, TOPICS)
        count = context.n_topics if n_components is None else n_components
        count = whole(_WHERE, "n_components", count)
        one_of(_WHERE, "learn", learn, LEARN)
        one_of(_WHERE, "covariance", covariance, COVARIANCES)
        one_of(_WHERE, "start", start, STARTS)
        radius = positive(_WHERE, "radius", radius)
        self.variance_floor = positive(_WHERE, "variance_floor", variance_floor)
        self.fit_documents = whole(_WHERE, "fit_documents", fit_documents, least=max(count, 2))
        width = context.n_latent if covariance == "diagonal" else 1
        means = F.normalize(torch.randn(count, context.n_latent), dim=-1) * radius
        self.loc = nn.Parameter(means, requires_grad=learn != "none")
        self.raw_var = nn.Parameter(
            _softplus_inverse(torch.full((count, width), max(1 - self.variance_floor, _LEAST))),
            requires_grad=learn != "none",
        )
        self.logits = nn.Parameter(torch.zeros(count), requires_grad=learn == "all")
        self.covariance = covariance
        self._start = start
        self._learn = learn

    @classmethod
    def describe(cls, **options: Any) -> Latent:
        """Trainable unless ``learn="none"``; reparameterised unless ``learn="all"``."""
        learn = options.get("learn", "components")
        return Latent(NormalMixture, reparameterised=learn != "all", trainable=learn != "none")

    def distribution(self) -> NormalMixture:
        """The mixture under the present parameters."""
        log_var = (self.variance_floor + F.softplus(self.raw_var)).log()
        return NormalMixture(self.loc, log_var, torch.log_softmax(self.logits, 0))

    def anchors(self) -> Tensor | None:
        """The components' means, (C, L), where ``topics`` are read from them."""
        return self.loc if self.topics == "components" else None

    def anchor_proportions(self, z: Tensor | None) -> Tensor:
        """Responsibilities q(c | z) (VaDE, eq. 16), (B, C); the weights pi where z is ``None``."""
        p = self.distribution()
        return p.log_weight.exp() if z is None else p.responsibilities(z)

    @property
    def starts_from_latents(self) -> bool:
        """True under ``start="fit"``."""
        return self._start == "fit"

    def start_from_latents(self, latents: Tensor, seed: int) -> None:
        """Fit scikit-learn's GaussianMixture to the latents and start from it.

        Args:
            latents: (N, L) posterior means.
            seed: for the choice of documents and the k-means start.

        Raises:
            TrainingError: latents are not finite, fewer than components, or the fit failed.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.mixture import GaussianMixture

        seed %= 2**32  # what both libraries take
        data = latents.detach().double().cpu().numpy()
        count = self.loc.shape[0]
        usable = (np.abs(data) < _FARTHEST).all(1)  # False for NaN too
        if not usable.all():
            raise TrainingError(
                f"{_WHERE}: the latents must be finite and within {_FARTHEST:g} of zero to start a "
                f"mixture from them, but {int((~usable).sum())} of {len(data)} rows are not; lower "
                "the learning rate of pretraining or normalise the encoder's input"
            )
        if len(data) < count:
            raise TrainingError(
                f"{_WHERE}: {count} components can't be fitted to {len(data)} documents; lower "
                "n_components or use start='spread'"
            )
        if len(data) > self.fit_documents:
            chosen = np.random.default_rng(seed).choice(
                len(data), self.fit_documents, replace=False
            )
            data = data[np.sort(chosen)]
        mixture = GaussianMixture(
            count,
            covariance_type="diag" if self.covariance == "diagonal" else "spherical",
            reg_covar=self.variance_floor,
            random_state=seed,
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                mixture.fit(data)
            except ValueError as error:
                raise TrainingError(
                    f"{_WHERE}: scikit-learn's GaussianMixture failed on {len(data)} latents: "
                    f"{error}; raise variance_floor or use start='spread'"
                ) from error
        for warning in caught:
            # EM that stopped at its iteration limit is still a start, but worth a warning
            if issubclass(warning.category, ConvergenceWarning):
                warnings.warn(f"{_WHERE}: {warning.message}", ConvergenceWarning, stacklevel=2)
        variance = torch.as_tensor(mixture.covariances_).reshape(count, -1)
        with torch.no_grad():
            self.loc.copy_(torch.as_tensor(mixture.means_))
            self.raw_var.copy_(
                _softplus_inverse((variance - self.variance_floor).clamp_min(_LEAST))
            )
            if self._learn == "none":
                self.logits.copy_(torch.as_tensor(mixture.weights_).clamp_min(1e-6).log())


def _softplus_inverse(y: Tensor) -> Tensor:
    return y + torch.log(-torch.expm1(-y))
