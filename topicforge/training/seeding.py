"""One seed for everything random in a fit, without touching the caller's generators.

Three things draw in a fit, and each gets what it needs:

- layers are built by ``torch.nn.init``, which draws from torch's global generator: :func:`building` seeds it
  for one construction at a time and puts the caller's state back;
- built-in parts draw from generators of the fit's own, which no other thread can disturb;
- everything else, a third party's ``torch.randn`` or ``nn.Dropout``, draws from torch's global generator,
  which is seeded while fits run. Two fits at the same time share it, so that such parts repeat bit for
  bit only where one fit runs at a time.
"""

from __future__ import annotations

import secrets
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from topicforge.distributed import random_from

_LOCK = threading.RLock()
#: device -> fits that use its global generator at present, and the caller's state of it
_BORROWED: dict[torch.device, tuple[int, Tensor]] = {}
_CPU = torch.device("cpu")


@contextmanager
def building(seed: int) -> Iterator[None]:
    """Seed torch's global generator for the construction of a network, one at a time.

    Args:
        seed: of the parameters' start.
    """
    with _LOCK, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed % 2**63)
        yield


class RandomState:
    """The generators of one model's fits, kept between partial fits.

    Args:
        seed: of everything that these fits draw; ``None`` draws one.
        device: of the training.
        rank: of this process. The fit's own generators are alike on all processes, the global ones differ.
    """

    def __init__(self, seed: int | None, device: torch.device = _CPU, rank: int = 0) -> None:
        self.seed = secrets.randbits(62) if seed is None else int(seed)
        self._rank = rank
        devices = {_CPU, device} if device.type == "cuda" else {_CPU}
        self._own = {d: _generator(d, self.seed, 0) for d in devices}
        self._global = {d: _generator(d, self.seed, 1 + rank).get_state() for d in devices}

    @contextmanager
    def active(self) -> Iterator[None]:
        """Let everything draw from this fit's generators, and put the caller's states back."""
        for device, state in self._global.items():
            _borrow(device, state)
        try:
            with random_from({device.type: g for device, g in self._own.items()}):
                yield
        finally:
            # n partial fits are one fit of n epochs: the next goes on where this one ended
            self._global = {device: _give_back(device) for device in self._global}

    def state(self) -> dict[str, Tensor]:
        """Return all states by name, within :meth:`active`."""
        return {
            **{f"own.{device.type}": g.get_state() for device, g in self._own.items()},
            **{f"global.{device.type}": _get(device) for device in self._global},
        }

    def restore(self, states: dict[str, Tensor]) -> None:
        """Go on where process 0 was when it called :meth:`state`, within :meth:`active`."""
        for device, own in self._own.items():
            own.set_state(states[f"own.{device.type}"])
            state = states[f"global.{device.type}"]
            if self._rank:
                # the other processes' states are not kept, and equal ones would give equal noise
                place = zlib.crc32(state.numpy().tobytes())
                state = _generator(device, self.seed, 1 + self._rank, place).get_state()
            _set(device, state)


def _generator(device: torch.device, *seeds: int) -> torch.Generator:
    """A generator for a purpose of its own, independent of those of other purposes."""
    mixed = np.random.SeedSequence([seed % 2**63 for seed in seeds]).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(mixed[0]) % 2**63)


def _borrow(device: torch.device, state: Tensor) -> None:
    with _LOCK:
        count, callers = _BORROWED.get(device, (0, _get(device)))
        _BORROWED[device] = count + 1, callers
        _set(device, state)


def _give_back(device: torch.device) -> Tensor:
    """Return the state that the fit ends with; the last fit puts the caller's state back."""
    with _LOCK:
        state = _get(device)
        count, callers = _BORROWED.pop(device)
        if count > 1:
            _BORROWED[device] = count - 1, callers
        else:
            _set(device, callers)
        return state


def _get(device: torch.device) -> Tensor:
    return torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state()


def _set(device: torch.device, state: Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)
