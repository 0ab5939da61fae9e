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
        self._state: Tensor | None = None

    @contextmanager
    def active(self, device: torch.device) -> Iterator[None]:
        """Make the global generators ours for a while."""
        devices = [device] if device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices, enabled=True):
            torch.manual_seed(self.seed if self._state is None else self._draw_seed())
            try:
                yield
            finally:
                self._state = torch.get_rng_state()

    def _draw_seed(self) -> int:
        """Continue the stream: the next partial fit's seed comes from the last one's state."""
        assert self._state is not None
        generator = torch.Generator()
        generator.set_state(self._state)
        return int(torch.randint(2**62, (), generator=generator))
