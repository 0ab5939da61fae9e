"""Small layers that encoders and decoders share: activations by name, batch norm, checks."""

from topicforge.layers.activation import activation
from topicforge.layers.batch_norm import BatchNorm
from topicforge.layers.checks import require
from topicforge.layers.mlp import Mlp

__all__ = ["BatchNorm", "Mlp", "activation", "require"]
