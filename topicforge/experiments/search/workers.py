"""Processes that run trials; what they are asked and what they tell goes through one parent."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from topicforge.experiments.search.trial import Outcome, Task, run_trial


@dataclass
class _Worker:
    process: Any
    connection: Connection
    trial: Any = None


class Workers:
    """Processes with an equal share of the cores.

    Args:
        jobs: how many.
    """

    def __init__(self, jobs: int) -> None:
        cores = (
            len(os.sched_getaffinity(0))
            if hasattr(os, "sched_getaffinity")
            else os.cpu_count() or 1
        )
        self._threads = max(1, cores // jobs)
        self._jobs = jobs
        self._workers: list[_Worker] = []

    def run(
        self,
        tasks: Iterator[tuple[Any, Task]],
        look: Callable[[Any, int, float], bool],
        end: Callable[[Any, Outcome], None],
    ) -> None:
        """Run tasks until there are no more; one that kills its process is told as failed.

        Args:
            tasks: (trial, task); the next is asked for once a process is free for it.
            look: (trial, step, value) -> whether the trial is to stop.
            end: called with each trial as it ends.
        """
        exhausted = False
        while True:
            while not exhausted and sum(w.trial is not None for w in self._workers) < self._jobs:
                following = next(tasks, None)
                if following is None:
                    exhausted = True
                    break
                worker = next((w for w in self._workers if w.trial is None), None) or self._more()
                worker.trial, task = following
                worker.connection.send(task)
            busy = [worker for worker in self._workers if worker.trial is not None]
            if not busy:
                return
            ready = wait([worker.connection for worker in busy])
            for worker in [worker for worker in busy if worker.connection in ready]:
                self._hear(worker, look, end)

    def _hear(
        self,
        worker: _Worker,
        look: Callable[[Any, int, float], bool],
        end: Callable[[Any, Outcome], None],
    ) -> None:
        try:
            told = worker.connection.recv()
            if not isinstance(told, Outcome):
                worker.connection.send(look(worker.trial, *told))
                return
        except (EOFError, ConnectionError):
            worker.process.join()
            self._workers.remove(worker)
            code = worker.process.exitcode
            told = Outcome(
                "failed", error=f"its process died with exit code {code}; was memory short?"
            )
        trial, worker.trial = worker.trial, None
        end(trial, told)

    def _more(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._threads), daemon=True)
        process.start()
        theirs.close()
        self._workers.append(_Worker(process, ours))
        return self._workers[-1]

    def close(self) -> None:
        """End all processes, at work or not."""
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()


def _serve(connection: Connection, threads: int) -> None:
    import torch

    # Ctrl-C reaches the whole group of processes; it is for the parent to end this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)

    def look(step: int, value: float) -> bool:
        connection.send((step, value))
        return bool(connection.recv())

    try:
        while True:
            task: Task = connection.recv()
            connection.send(run_trial(task, look))
    except (EOFError, ConnectionError):
        # the parent is gone, killed perhaps: nobody waits for this trial
        return
