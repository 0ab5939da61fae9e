"""Checkpoints: a training that was killed goes on from the newest, and ends as if it had not been.

    checkpoint.json           where training stood, of which settings and documents, checksum of the rest
    checkpoint.safetensors    parameters, optimiser's moments, random generators, sums of the epoch

Both are JSON and tensors: opening one runs nothing. The tensors are written first, under a name of
their own, the description last: a kill at any moment leaves a whole one.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load
from torch import Tensor

from topicforge import storage
from topicforge.errors import CheckpointError
from topicforge.training.machine import differences, machine
from topicforge.training.optimisation import Optimisation
from topicforge.training.seeding import RandomState
from topicforge.training.state import TrainingState
from topicforge.wiring.network import Network

FORMAT = 3
_JSON, _LOCK = "checkpoint.json", "checkpoint.lock"


class Trained(Protocol):
    """What a checkpoint holds of a :class:`~topicforge.training.Trainer`."""

    network: Network
    optimisation: Optimisation
    random: RandomState
    state: TrainingState
    device: torch.device


class Checkpoints:
    """Keeps the newest state of one training in a folder.

    Args:
        folder: made where it is missing.
        run: the settings and documents that tell this training from another, as JSON holds them. A
            checkpoint of another run is refused.
        every: seconds between two of them; 0 for one after every step.
        writes: whether this process writes; all processes read.
    """

    def __init__(
        self, folder: Path, run: Mapping[str, Any], every: float = 60.0, *, writes: bool = True
    ) -> None:
        self.folder = folder
        self._run = json.loads(json.dumps(run, default=str))
        self._every = every
        self._writes = writes
        self._saved = time.monotonic()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes away from the folder while its training runs.

        Raises:
            StorageError: another training uses it.
        """
        if not self._writes:
            yield
            return
        try:
            with storage.locked(self.folder / _LOCK, self.folder):
                yield
        finally:
            with suppress(OSError):  # it holds a checkpoint
                self.folder.rmdir()

    def maybe_save(self, trainer: Trained, *, at_once: bool = False) -> None:
        """Write a checkpoint if no gradient is kept for later and the last one is old enough.

        Args:
            trainer: between two steps.
            at_once: however old the last one is.
        """
        due = at_once or time.monotonic() - self._saved >= self._every
        if self._writes and due and trainer.optimisation.between_steps:
            self.save(trainer)
            self._saved = time.monotonic()

    def save(self, trainer: Trained) -> None:
        """Write a checkpoint.

        Raises:
            StorageError: the folder can't be written; the last checkpoint is as it was.
        """
        state, optimisation = trainer.state, trainer.optimisation
        tensors = {f"network.{k}": v for k, v in trainer.network.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in state.best.items()}
        tensors |= {f"random.{k}": v for k, v in trainer.random.state().items()}
        described = optimisation.optimiser.state_dict()
        for number, moments in described["state"].items():
            tensors |= {f"optimiser.{number}.{k}": torch.as_tensor(v) for k, v in moments.items()}
        tensors["largest"] = state.sums.largest
        name = f"checkpoint-{time.time_ns():020d}.safetensors"
        with storage.writing_to(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            storage.write_tensors(self.folder / name, tensors)
            text = json.dumps(
                {
                    "format": FORMAT,
                    "run": self._run,
                    "machine": machine(trainer.device),
                    "state": state.described(),
                    "rate": optimisation.rate,
                    "tensors": {"file": name, "sha256": storage.sha256(self.folder / name)},
                },
                indent=2,
                allow_nan=False,
            )
            with storage.write_file(self.folder / _JSON) as file:
                file.write(text.encode())
            for old in self.folder.glob("checkpoint-*.safetensors"):
                if old.name != name:
                    old.unlink()
            storage.clear_leftovers(self.folder)

    def resume(self, trainer: Trained) -> bool:
        """Go to where the folder's checkpoint stands; returns False where there is none.

        A warning says what of :func:`~topicforge.training.machine` differs.

        Raises:
            CheckpointError: damaged, of another format, or of another run.
        """
        path = self.folder / _JSON
        if not path.is_file():
            return False
        described = _read(path)
        _same_run(path, described["run"], self._run)
        differs = differences(described["machine"], machine(trainer.device))
        if differs and self._writes:
            warnings.warn(
                f"checkpoint: {path} goes on with {differs}, so the result will differ in its last bits from "
                "that of an undisturbed training",
                UserWarning, stacklevel=2,
            )  # fmt: skip
        state, optimisation, device = trainer.state, trainer.optimisation, trainer.device
        try:
            file = self.folder / Path(str(described["tensors"]["file"])).name
            if storage.sha256(file) != described["tensors"]["sha256"]:
                raise CheckpointError(f"checkpoint: {file} is not what was written; {_REMOVE}")
            tensors = load(storage.read_bytes(file))
            state.restore(described["state"], tensors.pop("largest"))
            state.best = _under(tensors, "best.", device)
            optimisation.restart(float(described["rate"]))
            trainer.network.load_state_dict(_under(tensors, "network.", device))
            moments: dict[int, dict[str, Tensor]] = {}
            for name, value in _under(tensors, "optimiser.", torch.device("cpu")).items():
                number, _, key = name.partition(".")
                moments.setdefault(int(number), {})[key] = value
            whole = optimisation.optimiser.state_dict()
            optimisation.optimiser.load_state_dict({**whole, "state": moments})
            trainer.random.restore(_under(tensors, "random.", torch.device("cpu")))
        except (KeyError, TypeError, ValueError, RuntimeError, OSError, SafetensorError) as error:
            raise CheckpointError(
                f"checkpoint: {path} and its tensors do not belong together, or to this model "
                f"({error}); {_REMOVE}"
            ) from error
        return True


_REMOVE = "remove the folder to begin anew"


def _under(tensors: Mapping[str, Tensor], prefix: str, device: torch.device) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v.to(device) for k, v in tensors.items() if k.startswith(prefix)}


def _read(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(storage.read_bytes(path))
    except (OSError, ValueError, RecursionError) as error:
        raise CheckpointError(f"checkpoint: {path} can't be read ({error}); {_REMOVE}") from error
    if not isinstance(read, dict) or read.get("format") != FORMAT:
        raise CheckpointError(f"checkpoint: {path} must be of format {FORMAT}; {_REMOVE}")
    for key in ("run", "machine", "state", "tensors"):
        if not isinstance(read.get(key), dict):
            raise CheckpointError(f"checkpoint: {path} must hold {key!r}; {_REMOVE}")
    return read


def _same_run(path: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    for key in sorted({*found, *wanted}):
        if found.get(key) != wanted.get(key):
            raise CheckpointError(
                f"checkpoint: {path} is of another training: its {key} is {found.get(key)!r:.80}, "
                f"here it is {wanted.get(key)!r:.80}; give the same command again, or {_REMOVE}"
            )
