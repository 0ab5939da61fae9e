"""What topicforge finds under this package's entry point."""

from typing import Any

from topicforge.plugin import hookimpl

from topicforge_contextual.encoders import CombinedEncoder, ContextualEncoder

TOPICFORGE_API = 1
ZEROSHOT = "Bianchi et al. 2021, EACL, arXiv:2004.07737"
COMBINED = "Bianchi et al. 2021, ACL, arXiv:2004.03974"

#: the core's ProdLDA beside the encoder
PRODLDA: dict[str, Any] = {
    "link": "softmax",
    "prior": "dirichlet",
    "prior__concentration": 1.0,
    "divergence": "kl",
    "decoder": "product",
    "decoder__batch_norm": True,
    "decoder__dropout": 0.0,
    "ranking": "association",
    "learning_rate": 2e-3,
    "optimiser__beta1": 0.99,
    "batch_size": 200,
    "regularisers": (("warm-up", {"epochs": 30}),),
    "epochs": 100,
}


@hookimpl
def topicforge_register(register: Any) -> None:
    """Register what this package brings."""
    register.encoder(
        "contextual", ContextualEncoder, summary="sentence embeddings alone", source=ZEROSHOT
    )
    register.encoder(
        "combined", CombinedEncoder, summary="sentence embeddings and counts", source=COMBINED
    )
    register.preset(
        "zeroshot-tm",
        {"encoder": "contextual", **PRODLDA},
        summary="ProdLDA over sentence embeddings alone",
        source=ZEROSHOT,
    )
    register.preset(
        "combined-tm",
        {"encoder": "combined", "encoder__word_dropout": 0.5, **PRODLDA},
        summary="ProdLDA over counts and sentence embeddings",
        source=COMBINED,
    )
