"""Requests that arrive while a batch is computed form the next one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, Full, Queue
from threading import Thread
from typing import Any, Generic, Protocol, TypeVar

from topicforge.errors import TopicForgeError


class Sized(Protocol):
    """A request that knows how many documents it has."""

    @property
    def n_documents(self) -> int: ...  # noqa: D102


T = TypeVar("T", bound=Sized)


class BusyError(TopicForgeError):
    """More requests wait than may wait."""


class Batcher(Generic[T]):
    """One thread that computes what waits, as many documents at a time as there are.

    No request waits for others to come: the first is computed at once, alone, and what arrives
    meanwhile is the next batch.

    Args:
        run: requests -> for each its result, or the exception that is raised for it.
        most_documents: largest batch, unless a single request is larger.
        most_waiting: requests that may wait.
    """

    def __init__(
        self, run: Callable[[Sequence[T]], Sequence[Any]], most_documents: int, most_waiting: int
    ) -> None:
        self._run = run
        self._most = most_documents
        self._waiting: Queue[tuple[T, Future[Any]]] = Queue(most_waiting)
        self._next: tuple[T, Future[Any]] | None = None
        self._thread = Thread(target=self._work, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether requests are computed."""
        return self._thread.is_alive()

    def submit(self, request: T) -> Future[Any]:
        """Let a request wait for its turn.

        Raises:
            BusyError: too many are waiting.
        """
        future: Future[Any] = Future()
        try:
            self._waiting.put_nowait((request, future))
        except Full:
            raise BusyError("too many requests are waiting; try again later") from None
        return future

    def _work(self) -> None:
        while True:
            batch = [
                (request, future)
                for request, future in self._gather()
                if future.set_running_or_notify_cancel()  # its client may have gone
            ]
            if not batch:
                continue
            try:
                results = self._run([request for request, _ in batch])
            except BaseException as error:
                results = [error] * len(batch)
            for (_, future), result in zip(batch, results, strict=True):
                if isinstance(result, BaseException):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    def _gather(self) -> list[tuple[T, Future[Any]]]:
        batch = [self._next or self._waiting.get()]
        self._next = None
        documents = batch[0][0].n_documents
        while documents < self._most:
            try:
                further = self._waiting.get_nowait()
            except Empty:
                break
            documents += further[0].n_documents
            if documents > self._most:
                self._next = further
                break
            batch.append(further)
        return batch
