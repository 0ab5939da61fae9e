"""Built-in decoders: theta -> likelihood of the words that occur."""

from topicforge.parts.decoders.embedding import EmbeddingDecoder
from topicforge.parts.decoders.mixture import MixtureDecoder
from topicforge.parts.decoders.mlp import MlpDecoder
from topicforge.parts.decoders.product import ProductDecoder

__all__ = ["EmbeddingDecoder", "MixtureDecoder", "MlpDecoder", "ProductDecoder"]
