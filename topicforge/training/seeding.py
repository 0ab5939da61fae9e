"""One seed for everything random in a fit, without touching the caller's generators."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


class RandomState:
    """State of torch's global generator inside fits of one model, kept between partial fits.

    Components draw from torch's global generator; inside :meth:`active` it is ours, outside the
    caller's own, so that a fit repeats and nobody else notices.
    """

    def __init__(self, seed: int | None) -> None:
        #: the one seed of the fit, drawn where none was given
        self.seed = secrets.randbits(62) if seed is None else int(seed)
        self._states: tuple[Tensor, Tensor | None] | None = None

    @contextmanager
    def active(self, device: torch.device) -> Iterator[None]:
        """Make the global generators ours for a while."""
        devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices, enabled=True):
            if self._states is None:
                torch.manual_seed(self.seed)
            else:
                # going on where the last fit ended, so that n partial fits are one fit of n epochs
                torch.set_rng_state(self._states[0])
                if devices and self._states[1] is not None:
                    torch.cuda.set_rng_state(self._states[1], device)
            try:
                yield
            finally:
                self._states = (
                    torch.get_rng_state(),
                    torch.cuda.get_rng_state(device) if devices else None,
                )
