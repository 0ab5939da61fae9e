"""Worker processes with a bounded number of jobs in flight."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import TypeVar

from topicforge.errors import CorpusError

_Job = TypeVar("_Job")


class Pool:
    """Runs jobs in ``workers`` processes; with one worker in this process.

    At most ``workers + 2`` jobs exist at a time, the one that is being made included, so memory
    does not depend on how many there are. A job's result must lie on the disk.

    Args:
        workers: at least 1.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._executor: ProcessPoolExecutor | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def run(self, function: Callable[[_Job], object], jobs: Iterable[_Job]) -> None:
        """Call a function of this package for each job; jobs under way are finished before an error
        of another, or of the iterable, goes on.

        Raises:
            CorpusError: a worker process died.
        """  # noqa: D205
        if self.workers == 1:
            for job in jobs:
                function(job)
            return
        pending: set[Future[object]] = set()
        feed = iter(jobs)
        try:
            try:
                while True:
                    while len(pending) > self.workers:
                        done, pending = wait(pending, return_when=FIRST_COMPLETED)
                        for future in done:
                            future.result()
                    try:
                        job = next(feed)
                    except StopIteration:
                        break
                    pending.add(self._started().submit(function, job))
                    del job
            finally:
                wait(pending)
            for future in pending:
                future.result()
        except BrokenProcessPool as error:
            raise CorpusError(
                "a worker process of the corpus build died (out of memory, or killed; or the script "
                "that called build_corpus lacks `if __name__ == '__main__':`). What was finished is "
                "kept: run the same again, with fewer workers or smaller shard_documents"
            ) from error

    def _started(self) -> ProcessPoolExecutor:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self.workers,
                # a fork of a process with threads may hang
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_end_with_parent,
            )
        return self._executor


def _end_with_parent() -> None:
    """A killed parent can't stop its workers: each watches for its end."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
