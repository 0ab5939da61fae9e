"""Real processes over gloo: one start for each number of them, whatever the number of tests."""

import os
import subprocess
import sys
import time
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
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # where all workers of pytest -n meet
    folder /= f"world{world}"
    said = folder / "said.txt"
    try:
        folder.mkdir()
    except FileExistsError:  # another worker's, or our own before tests of other processes came
        while not said.exists():
            time.sleep(0.1)
    else:
        errors = "the worker that started them was stopped"
        try:
            errors = _run(folder, world)
        finally:  # others wait for it
            whole = folder / "whole.txt"
            whole.write_text(errors, encoding="utf-8")
            whole.replace(said)
    assert not said.read_text(encoding="utf-8"), said.read_text(encoding="utf-8")
    return Processes(folder, world)


def _run(folder, world):
    """Run a world; return what the processes that failed said."""
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
    return "".join(
        f"process {rank} of {world}: {said[rank]}\n"
        for rank, process in enumerate(started)
        if process.returncode != 0
    )
