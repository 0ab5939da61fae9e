"""Worker processes: each takes one task at a time, and one that dies costs that task alone."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

#: sends what it is given to the parent and returns the parent's answer
Report = Callable[..., Any]


@dataclass(frozen=True)
class Died:
    """Result of a task whose process ended before the task did."""

    error: str


@dataclass
class _Worker:
    process: Any
    connection: Connection
    key: Any = None
    busy: bool = False


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Pool:
    """Processes with an equal share of the cores; a context manager that ends them.

    They are started afresh (``spawn``), so a script that uses a pool needs ``if __name__ ==
    "__main__":``. They end with the process that started them, also where that one is killed.

    Args:
        work: ``work(task, report)`` -> result, a function of a module; it runs in the processes.
        jobs: how many of them.
    """

    def __init__(self, work: Callable[[Any, Report], Any], jobs: int) -> None:
        self._work = work
        self._jobs = jobs
        self._workers: list[_Worker] = []

    def __enter__(self) -> Pool:
        return self

    def run(
        self,
        tasks: Iterator[tuple[Any, Any]],
        end: Callable[[Any, Any], None],
        answer: Callable[..., Any] = lambda *_: None,
    ) -> None:
        """Run tasks until there are no more.

        Args:
            tasks: (key, task); the next one is drawn once a process is free for it.
            end: called with key and result of each task as it ends; the result is :class:`Died` where
                its process died.
            answer: called with the key and what ``work`` reports; returns the answer.
        """
        exhausted = False
        while True:
            while not exhausted and sum(worker.busy for worker in self._workers) < self._jobs:
                following = next(tasks, None)
                exhausted = following is None
                if following is not None:
                    self._give(*following)
            busy = {worker.connection: worker for worker in self._workers if worker.busy}
            if not busy:
                return
            for ready in wait(list(busy)):
                self._receive(busy[ready], end, answer)  # type: ignore[index]

    def _give(self, key: Any, task: Any) -> None:
        while True:
            worker = next((w for w in self._workers if not w.busy), None) or self._start()
            try:
                worker.connection.send(task)
            except ConnectionError:  # it died without a task
                self._remove(worker)
                continue
            worker.key, worker.busy = key, True
            return

    def _receive(
        self, worker: _Worker, end: Callable[[Any, Any], None], answer: Callable[..., Any]
    ) -> None:
        try:
            ended, content = worker.connection.recv()
            if not ended:
                worker.connection.send(answer(worker.key, *content))
                return
        except (EOFError, ConnectionError):
            self._remove(worker)
            code = worker.process.exitcode
            content = Died(f"its process died with exit code {code}; was there enough memory?")
        worker.busy = False
        end(worker.key, content)

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        threads = max(1, cores() // self._jobs)
        process = context.Process(target=_serve, args=(theirs, self._work, threads), daemon=True)
        process.start()
        theirs.close()
        self._workers.append(_Worker(process, ours))
        return self._workers[-1]

    def _remove(self, worker: _Worker) -> None:
        worker.process.join()
        worker.connection.close()
        self._workers.remove(worker)

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.terminate()
        for worker in list(self._workers):
            self._remove(worker)


def _serve(connection: Connection, work: Callable[[Any, Report], Any], threads: int) -> None:
    import torch

    from topicforge.distributed.parent import end_with_parent

    # Ctrl-C reaches the whole group of processes; the parent ends this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    torch.set_num_threads(threads)

    def report(*content: Any) -> Any:
        connection.send((False, content))
        return connection.recv()

    try:
        while True:
            connection.send((True, work(connection.recv(), report)))
    except (EOFError, ConnectionError):
        return
