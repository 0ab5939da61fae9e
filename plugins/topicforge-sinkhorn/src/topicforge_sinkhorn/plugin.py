"""What topicforge finds under this package's entry point."""

from typing import Any

from topicforge.plugin import hookimpl

from topicforge_sinkhorn.sinkhorn import SinkhornDivergence
from topicforge_sinkhorn.sliced import SlicedWassersteinDivergence

TOPICFORGE_API = 1


@hookimpl
def topicforge_register(register: Any) -> None:
    """Register what this package brings."""
    register.divergence(
        "sinkhorn",
        SinkhornDivergence,
        summary="debiased entropic optimal transport between aggregate posterior and prior",
        source="Feydy et al. 2019, arXiv:1810.08278, eq. 3",
    )
    register.divergence(
        "sliced-wasserstein",
        SlicedWassersteinDivergence,
        summary="mean squared 1-D Wasserstein distance over random directions",
        source="Bonneel et al. 2015, section 3; Kolouri et al. 2019, arXiv:1804.01947",
    )
