"""Activations by name."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from topicforge.errors import UnknownNameError, did_you_mean

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "softplus": F.softplus,
    "tanh": torch.tanh,
    "gelu": F.gelu,
}


def activation(name: str) -> Callable[[Tensor], Tensor]:
    """Return the activation called ``name``: relu, softplus, tanh or gelu.

    Raises:
        UnknownNameError: no such activation.
    """
    if name not in _ACTIVATIONS:
        raise UnknownNameError(
            f"option 'activation' must be one of {', '.join(_ACTIVATIONS)}, got {name!r}."
            + did_you_mean(str(name), _ACTIVATIONS)
        )
    return _ACTIVATIONS[name]
