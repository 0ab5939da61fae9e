"""Small layers that components share: activations by name, batch norm, checks of options."""

from topicforge.layers.activation import activation
from topicforge.layers.batch_norm import BatchNorm
from topicforge.layers.checks import is_number, one_of, positive, require, share, whole, widths
from topicforge.layers.frequency_bias import start_at_log_frequency
from topicforge.layers.head import Head
from topicforge.layers.mlp import Mlp

__all__ = [
    "BatchNorm",
    "Head",
    "Mlp",
    "activation",
    "is_number",
    "one_of",
    "positive",
    "require",
    "share",
    "start_at_log_frequency",
    "whole",
    "widths",
]
