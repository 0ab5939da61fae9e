"""What topicforge finds under this package's entry point."""

from typing import Any

from topicforge.plugin import hookimpl

from topicforge_ecr.decoder import EcrDecoder
from topicforge_ecr.regulariser import EmbeddingClustering

TOPICFORGE_API = 1


@hookimpl
def topicforge_register(register: Any) -> None:
    """Register what this package brings."""
    register.decoder(
        "ecr",
        EcrDecoder,
        summary="topics as centres of word clusters, held apart by optimal transport",
        source="Wu et al. 2023, arXiv:2306.04217, section 4",
    )
    register.regulariser(
        "embedding-clustering",
        EmbeddingClustering,
        summary="topics are centres of word clusters",
        source="Wu et al. 2023, arXiv:2306.04217, eq. 4 to 6",
    )
