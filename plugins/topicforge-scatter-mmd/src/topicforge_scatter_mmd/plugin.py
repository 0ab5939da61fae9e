"""What topicforge finds under this package's entry point."""

from typing import Any

from topicforge.plugin import hookimpl

from topicforge_scatter_mmd.divergence import ScatterMmdDivergence

TOPICFORGE_API = 1


@hookimpl
def topicforge_register(register: Any) -> None:
    """Register what this package brings."""
    register.divergence(
        "scatter-mmd",
        ScatterMmdDivergence,
        summary="MMD with inverse multiquadrics, streamed over pairs by an own C++ operator",
        source="Tolstikhin et al. 2018, arXiv:1711.01558, section 4",
    )
