"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from topicforge.contracts.options import one_of

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "softplus": F.softplus,
    "tanh": torch.tanh,
    "gelu": F.gelu,
}


def activation(where: str, name: str) -> Callable[[Tensor], Tensor]:
    """Return the activation called ``name``: relu, softplus, tanh or gelu.

    Args:
        where: component, for the error message.
        name: one of the four.

    Raises:
        UnknownNameError: no such activation.
    """
    one_of(where, "activation", name, tuple(_ACTIVATIONS))
    return _ACTIVATIONS[name]
