"""The application: addresses, limits, metrics."""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from topicforge._version import __version__
from topicforge.errors import InputError, MissingExtraError, TopicForgeError
from topicforge.serve.batcher import BusyError
from topicforge.serve.models import MOST_WORDS, Documents, Served

try:
    from fastapi import FastAPI, HTTPException, Path, Request, Response
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
    from pydantic import BaseModel, Field, model_validator
except ImportError as error:
    raise MissingExtraError(
        f"serve: needs the library {error.name}, which is not installed; pip install 'topicforge[serve]'"
    ) from error

_log = logging.getLogger("topicforge.serve")
Count = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Number = Annotated[float, Field(ge=-1e30, le=1e30, allow_inf_nan=False)]


@dataclass(frozen=True)
class Limits:
    """What a request may ask for.

    Args:
        body_bytes: largest body.
        documents: documents per request.
        seconds: longest wait for an answer.
    """

    body_bytes: int = 8 * 2**20
    documents: int = 1000
    seconds: float = 10.0


class Asked(BaseModel):
    """Documents: texts, or counts by word; and how many words of each topic to return."""

    texts: list[str] | None = Field(None, description="One text per document.")
    counts: list[dict[str, Count]] | None = Field(
        None,
        description="One object per document: word -> count. Column numbers are the words of a model "
        "without a vocabulary. Words that are not the model's are left out.",
    )
    features: list[list[Number]] | None = Field(
        None, description="One row of numbers per document, for a model that reads them."
    )
    top: int = Field(10, ge=0, le=MOST_WORDS, description="The number of words per topic.")

    @model_validator(mode="after")
    def _one_of_two(self) -> Asked:
        given = self.counts if self.texts is None else self.texts
        if (self.texts is None) == (self.counts is None) or not given:
            raise ValueError("give either texts or counts, of at least one document")
        return self


class TopicOut(BaseModel):
    """One topic."""

    topic: int = Field(description="The number of the topic: the column of theta.")
    label: str
    words: list[str] = Field(description="Its words, best first.")


class ThetaOut(BaseModel):
    """Theta of every document, and the topics that its columns belong to."""

    model: str
    theta: list[list[float]] = Field(
        description="One row per document, one column per topic; rows sum to one. A document without a "
        "word of the model gets the prior's mean."
    )
    topics: list[TopicOut]


class ModelOut(BaseModel):
    """One model that is served."""

    name: str
    n_topics: int
    vocab_size: int
    n_features: int = Field(description="The number of features that a document needs; 0 for none.")
    reads_texts: bool


class ErrorOut(BaseModel):
    """What was wrong."""

    detail: str


def create_app(models: Iterable[Served], limits: Limits | None = None) -> FastAPI:
    """Return the ASGI application of some models.

    On SIGHUP it opens every model folder again, while requests meet the old models.

    Args:
        models: with names of their own.
        limits: on requests.

    Raises:
        InputError: two models have one name.
        MissingExtraError: an optional library is missing.
    """
    limits = limits or Limits()
    served: dict[str, Served] = {}
    for one in models:
        if one.name in served:
            raise InputError(
                f"serve: two models are called {one.name!r}; name them: NAME=FOLDER for each"
            )
        served[one.name] = one
    registry = CollectorRegistry()
    requests = Counter(
        "topicforge_requests", "Requests, by route and status.", ["route", "status"],
        registry=registry,
    )  # fmt: skip
    seconds = Histogram(
        "topicforge_request_seconds", "Seconds per request, by route.", ["route"], registry=registry
    )
    documents = Counter(
        "topicforge_documents", "Documents answered, by model.", ["model"], registry=registry
    )
    reloads = Counter(
        "topicforge_reloads", "Models opened again, by model and outcome.", ["model", "outcome"],
        registry=registry,
    )  # fmt: skip

    def reload() -> None:
        for one in served.values():
            try:
                one.reload()
            except (TopicForgeError, OSError) as error:
                reloads.labels(one.name, "failed").inc()
                _log.error("%s stays as it was: %s", one.name, error)
            else:
                reloads.labels(one.name, "done").inc()
                _log.info("%s was opened again", one.name)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        handled = hasattr(signal, "SIGHUP") and (
            threading.current_thread() is threading.main_thread()
        )
        if handled:
            loop.add_signal_handler(signal.SIGHUP, lambda: loop.run_in_executor(None, reload))
        try:
            yield
        finally:
            if handled:
                loop.remove_signal_handler(signal.SIGHUP)

    wrong: dict[int | str, dict[str, Any]] = {
        status: {"model": ErrorOut, "description": text}
        for status, text in (
            (400, "The body is not JSON."),
            (404, "There is no such model."),
            (408, "The body came too slowly."),
            (413, "The body or the number of documents is above the limit."),
            (422, "The documents are not usable."),
            (429, "Too many requests wait, or this one waited too long."),
        )
    }
    app = FastAPI(
        title="topicforge",
        version=__version__,
        summary="Topic proportions of documents.",
        lifespan=lifespan,
        docs_url=None,  # pages that load their code from elsewhere
        redoc_url=None,
    )

    a_model = Path(description="A model.", json_schema_extra={"enum": [*served]})

    def find(name: str) -> Served:
        if name not in served:
            raise HTTPException(404, f"there is no model {name!r}; there are {', '.join(served)}")
        return served[name]

    @app.post("/models/{name}/theta", responses=wrong, operation_id="theta")
    async def theta(asked: Asked, name: str = a_model) -> ThetaOut:
        """Return theta of documents, and the topics with their labels and words."""
        one = find(name)
        given = Documents(asked.texts, asked.counts, asked.features)
        if given.n_documents > limits.documents:
            raise HTTPException(
                413, f"at most {limits.documents} documents per request, got {given.n_documents}"
            )
        try:
            answer = await asyncio.wait_for(
                asyncio.wrap_future(one.batcher.submit(given)), limits.seconds
            )
        except TimeoutError:
            raise HTTPException(
                429, f"no answer within {limits.seconds:g} seconds; send fewer documents or wait",
                {"Retry-After": "1"},
            ) from None  # fmt: skip
        except BusyError as error:
            raise HTTPException(429, str(error), {"Retry-After": "1"}) from None
        except InputError as error:
            raise HTTPException(422, str(error)) from None
        documents.labels(name).inc(given.n_documents)
        return ThetaOut(
            model=name, theta=answer.theta.tolist(), topics=_topics(answer.topics, asked.top)
        )

    @app.get("/models", operation_id="models")
    async def list_models() -> list[ModelOut]:
        """Return the models that are served."""
        found = []
        for one in served.values():
            model = one.opened.model
            found.append(
                ModelOut(
                    name=one.name,
                    n_topics=len(one.opened.topics),
                    vocab_size=model.n_features_in_,
                    n_features=model.network_.context.n_features,
                    reads_texts=model.vectorizer_ is not None,
                )
            )
        return found

    @app.get("/models/{name}/topics", responses={404: wrong[404]}, operation_id="topics")
    async def topics(name: str = a_model) -> list[TopicOut]:
        """Return the topics of a model with their labels and words."""
        return _topics(find(name).opened.topics, MOST_WORDS)

    @app.get("/health", operation_id="health")
    async def health() -> dict[str, str]:
        """Answer if the process lives."""
        return {"status": "alive"}

    @app.get(
        "/ready",
        operation_id="ready",
        responses={503: {"model": ErrorOut, "description": "A model gives no answers."}},
    )
    async def ready() -> dict[str, str]:
        """Answer if every model can."""
        dead = [one.name for one in served.values() if not one.batcher.alive]
        if dead:
            raise HTTPException(503, f"no answers from {', '.join(dead)}")
        return {"status": "ready"}

    @app.get(
        "/metrics", operation_id="metrics", response_class=Response,
        responses={200: {"content": {"text/plain": {}}}},
    )  # fmt: skip
    async def metrics() -> Response:
        """Return counters and times in Prometheus' text format."""
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    @app.exception_handler(RequestValidationError)
    async def unusable(_: Request, error: RequestValidationError) -> JSONResponse:
        # what came is not repeated: it may be no JSON (NaN), and long
        told = [
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in error.errors()
        ]
        malformed = any(one["type"] == "json_invalid" for one in error.errors())
        return JSONResponse({"detail": "; ".join(told[:5])}, 400 if malformed else 422)

    app.add_middleware(_Guard, limits=limits, requests=requests, seconds=seconds)
    return app


def _topics(topics: Iterable[Any], top: int) -> list[TopicOut]:
    return [
        TopicOut(topic=one.topic, label=one.label, words=list(one.words[:top])) for one in topics
    ]


class _Refused(Exception):  # noqa: N818 - an answer, and no error of this program
    """A request that is not read to its end."""

    def __init__(self, status: int, detail: str) -> None:
        self.response = JSONResponse({"detail": detail}, status)


class _Guard:
    """Reads bodies within their limits before the application sees them; counts and times requests."""

    def __init__(self, app: Any, limits: Limits, requests: Counter, seconds: Histogram) -> None:
        self._app = app
        self._limits = limits
        self._requests = requests
        self._seconds = seconds

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def seen(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            read = [await self._read(receive)]

            async def replay() -> Any:
                return read.pop() if read else await receive()

            await self._app(scope, replay, seen)
        except _Refused as refused:
            await refused.response(scope, receive, seen)
        finally:
            # the pattern of the address, not the address: strangers choose that
            route = getattr(scope.get("route"), "path", "unknown")
            self._requests.labels(route, status).inc()
            self._seconds.labels(route).observe(time.perf_counter() - start)

    async def _read(self, receive: Any) -> Any:
        """The whole body as one message."""
        body = bytearray()
        try:
            async with asyncio.timeout(self._limits.seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return message
                    body += message.get("body", b"")
                    if len(body) > self._limits.body_bytes:
                        raise _Refused(
                            413, f"the body must be at most {self._limits.body_bytes} bytes"
                        )
                    if not message.get("more_body"):
                        return {**message, "body": bytes(body)}
        except TimeoutError:
            raise _Refused(
                408, f"the body must come within {self._limits.seconds:g} seconds"
            ) from None
