"""Run the cells of a study that have no result yet, in parallel processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from topicforge.errors import OptionError, TopicForgeError
from topicforge.experiments.compare.cells import Cell
from topicforge.experiments.compare.store import Record, Store

Watcher = Callable[[Cell, Record], None]


def run(
    cells: Iterable[Cell],
    store: Store,
    *,
    jobs: int | None = None,
    retry_failed: bool = False,
    on_done: Watcher | None = None,
) -> None:
    """Run what is not in the store; a finished cell is never run again.

    A cell that fails, or whose process dies, is kept as failed with the reason, and the others go on.
    An interruption loses the cells that are running and nothing else. Processes are started afresh
    (``spawn``), so a script that calls this needs ``if __name__ == "__main__":``.

    Args:
        cells: of the plan.
        store: where results are kept.
        jobs: processes at a time; ``None`` for one a core. Each has an equal share of the cores.
        retry_failed: run cells that failed once more.
        on_done: called with each cell as it ends.

    Raises:
        OptionError: jobs below 1.
    """
    if jobs is not None and jobs < 1:
        raise OptionError(f"compare: jobs must be at least 1, got {jobs}")
    waiting = [
        cell for cell in cells
        if (known := store.read(cell)) is None or (retry_failed and known["status"] == "failed")
    ][::-1]  # fmt: skip
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    jobs = min(jobs or cores, max(1, len(waiting)))
    threads = max(1, cores // jobs)
    workers: list[_Worker] = []
    try:
        while waiting or any(worker.cell for worker in workers):
            while waiting and len(workers) < jobs:
                workers.append(_Worker.start(threads))
            for worker in workers:
                if worker.cell is None and waiting:
                    worker.give(waiting.pop())
            for ready in wait([worker.connection for worker in workers if worker.cell]):
                worker = next(worker for worker in workers if worker.connection is ready)
                cell, record = worker.take()
                store.write(cell, record)
                if on_done is not None:
                    on_done(cell, record)
                if not worker.process.is_alive():
                    workers.remove(worker)
    finally:
        for worker in workers:
            worker.process.terminate()
        for worker in workers:
            worker.process.join()


@dataclass
class _Worker:
    process: Any
    connection: Connection
    cell: Cell | None = None

    @classmethod
    def start(cls, threads: int) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, threads), daemon=True)
        process.start()
        theirs.close()
        return cls(process, ours)

    def give(self, cell: Cell) -> None:
        self.cell = cell
        self.connection.send(cell)

    def take(self) -> tuple[Cell, Record]:
        cell, self.cell = self.cell, None
        assert cell is not None
        try:
            return cell, self.connection.recv()
        except EOFError:
            self.process.join()
            return cell, {
                **_head(cell),
                "status": "failed",
                "error": f"its process died with exit code {self.process.exitcode}; was memory short?",
            }


def _serve(connection: Connection, threads: int) -> None:
    import torch

    # Ctrl-C reaches the whole group of processes; it is for the parent to end this one
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    while True:
        try:
            cell: Cell = connection.recv()
        except EOFError:
            return
        connection.send(run_cell(cell))


def run_cell(cell: Cell) -> Record:
    """Run one cell here and now; what goes wrong is in the record."""
    from topicforge.experiments.compare.peers import read_peer
    from topicforge.experiments.compare.train import train

    record = _head(cell)
    try:
        found = read_peer(cell) if cell.files else train(cell)
    except TopicForgeError as error:
        return {**record, "status": "failed", "error": str(error)}
    except Exception:
        return {**record, "status": "failed", "error": traceback.format_exc()}
    return {**record, "status": "done", "error": None, **found}


def _head(cell: Cell) -> Record:
    return {
        "corpus": cell.corpus,
        "contestant": cell.contestant,
        "n_topics": cell.n_topics,
        "seed": cell.seed,
        "peer": bool(cell.files),
    }
