"""Built-in decoders: theta -> likelihood of the words that occur."""

from topicforge.decoders.embedding import EmbeddingDecoder
from topicforge.decoders.mixture import MixtureDecoder
from topicforge.decoders.mlp import MlpDecoder
from topicforge.decoders.product import ProductDecoder

__all__ = ["EmbeddingDecoder", "MixtureDecoder", "MlpDecoder", "ProductDecoder"]
