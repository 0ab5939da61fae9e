"""What topicforge finds under this package's entry point."""

from typing import Any

from topicforge.plugin import Rule, hookimpl

from topicforge_hyperspherical.components import SphereSoftmaxLink, VmfEncoder, VmfPrior
from topicforge_hyperspherical.distribution import VonMisesFisher, kl_von_mises_fisher

TOPICFORGE_API = 1
_SOURCE = "Davidson et al. 2018, arXiv:1804.00891"


@hookimpl
def topicforge_register(register: Any) -> None:
    """Register what this package brings."""
    register.encoder("vmf", VmfEncoder, summary="von Mises-Fisher posterior", source=_SOURCE)
    register.prior("vmf", VmfPrior, summary="von Mises-Fisher or uniform prior", source=_SOURCE)
    register.link(
        "sphere-softmax", SphereSoftmaxLink, summary="softmax(scale z)", source="this package"
    )
    rule = Rule(
        kl_von_mises_fisher, "closed form", "z", _SOURCE,
        "KL between von Mises-Fisher distributions",
    )  # fmt: skip
    register.divergence_rule("kl", rule, posterior=VonMisesFisher, prior=VonMisesFisher)
