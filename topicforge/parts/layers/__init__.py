"""Small layers that components share: activations by name, batch norm, dropout."""

from topicforge.parts.layers.activation import activation
from topicforge.parts.layers.batch_norm import BatchNorm, variant
from topicforge.parts.layers.cluster_words import STARTS, cluster_words, log_cluster_words
from topicforge.parts.layers.dropout import Dropout
from topicforge.parts.layers.frequency_bias import start_at_log_frequency
from topicforge.parts.layers.head import Head
from topicforge.parts.layers.linear import Linear, product
from topicforge.parts.layers.mlp import Mlp

__all__ = [
    "STARTS",
    "BatchNorm",
    "Dropout",
    "Head",
    "Linear",
    "Mlp",
    "activation",
    "cluster_words",
    "log_cluster_words",
    "product",
    "start_at_log_frequency",
    "variant",
]
