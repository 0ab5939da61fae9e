"""Small layers that components share: activations by name, batch norm, dropout."""

from topicforge.layers.activation import activation
from topicforge.layers.batch_norm import BatchNorm, variant
from topicforge.layers.dropout import Dropout
from topicforge.layers.frequency_bias import start_at_log_frequency
from topicforge.layers.head import Head
from topicforge.layers.linear import Linear, product
from topicforge.layers.mlp import Mlp
from topicforge.layers.word_layer import word_layer

__all__ = [
    "BatchNorm",
    "Dropout",
    "Head",
    "Linear",
    "Mlp",
    "activation",
    "product",
    "start_at_log_frequency",
    "variant",
    "word_layer",
]
