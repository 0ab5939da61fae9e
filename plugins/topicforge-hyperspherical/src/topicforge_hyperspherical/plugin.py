"""What topicforge finds under this package's entry point."""

from typing import Any

from topicforge.plugin import Rule, RuleSpec, hookimpl

from topicforge_hyperspherical.components import SphereSoftmaxLink, VmfEncoder, VmfPrior
from topicforge_hyperspherical.distribution import VonMisesFisher, kl_von_mises_fisher

TOPICFORGE_API = 1
_SOURCE = "Davidson et al. 2018, arXiv:1804.00891"


@hookimpl
def topicforge_register_encoders(register: Any) -> None:
    """Register the encoder."""
    register.encoder("vmf", VmfEncoder, summary="von Mises-Fisher posterior", source=_SOURCE)


@hookimpl
def topicforge_register_priors(register: Any) -> None:
    """Register the prior."""
    register.prior("vmf", VmfPrior, summary="von Mises-Fisher or uniform prior", source=_SOURCE)


@hookimpl
def topicforge_register_links(register: Any) -> None:
    """Register the link."""
    register.link(
        "sphere-softmax", SphereSoftmaxLink, summary="softmax(scale z)", source="this package"
    )


@hookimpl
def topicforge_register_divergence_rules(register: Any) -> None:
    """Register the KL."""
    rule = Rule(
        kl_von_mises_fisher, "closed form", "z", _SOURCE,
        "KL between von Mises-Fisher distributions",
    )  # fmt: skip
    register.divergence_rule(RuleSpec("kl", VonMisesFisher, VonMisesFisher, rule))
