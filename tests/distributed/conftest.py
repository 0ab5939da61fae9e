"""Real processes over gloo: one start for each number of them, whatever the number of tests."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

_WORKER = Path(__file__).with_name("many_worker.py")


class Processes:
    """What the processes of one world saved: ``of(name)`` is one result a rank."""

    def __init__(self, folder, world):
        self.world = world
        self.folder = folder
        self._saved = [torch.load(folder / f"{r}.pt", weights_only=True) for r in range(world)]

    def of(self, name):
        return [saved[name] for saved in self._saved]


@pytest.fixture(scope="session", params=[2, 4], ids=["2 processes", "4 processes"])
def processes(request, tmp_path_factory):
    world = request.param
    folder = tmp_path_factory.mktemp(f"world{world}")
    # one thread each: the machine's cores are shared out
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    started = [
        subprocess.Popen(
            [sys.executable, str(_WORKER), str(folder), str(rank), str(world)],
            stderr=subprocess.PIPE, text=True, env=environment,
        )
        for rank in range(world)
    ]  # fmt: skip
    said = [process.communicate()[1] for process in started]
    for rank, process in enumerate(started):
        assert process.returncode == 0, f"process {rank} of {world}: {said[rank]}"
    return Processes(folder, world)
