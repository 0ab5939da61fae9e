"""The objective of a search: a measure of a model on documents that it has not seen."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from topicforge.corpus import Corpus
from topicforge.errors import InputError, UnknownNameError, did_you_mean
from topicforge.evaluation import MetricSpec, evaluate
from topicforge.experiments.corpus_pair import CorpusPair
from topicforge.registry import default_registry

if TYPE_CHECKING:
    from topicforge.estimator.topic_model import TopicModel

LOG_LIKELIHOOD = "log_likelihood"
#: what a model and a corpus folder offer a metric; a folder keeps no running texts, and no word vectors
_OFFERED = (
    "vocabulary",
    "bow",
    "theta",
    "labels",
    "transform",
    "topic_word",
    "completion",
    "heldout",
)


def objectives() -> tuple[str, ...]:
    """Return the names of all objectives: ``log_likelihood`` and the metrics that can be one."""
    metrics: list[MetricSpec] = default_registry().specs("metric")
    short = [spec.name for spec in metrics]
    usable = [
        spec.name if short.count(spec.name) == 1 else spec.qualified_name
        for spec in metrics
        if not _obstacle(spec)
    ]
    return (LOG_LIKELIHOOD, *usable)


def _obstacle(spec: MetricSpec) -> str:
    """Why a metric can't be an objective, empty if it can."""
    for need in spec.needs:
        if not set(need.split("|")) & set(_OFFERED):
            return f"needs {need}, which corpus folders don't keep"
    if spec.higher_is_better is None:
        return "does not state which direction is better (higher_is_better)"
    return ""


@dataclass(frozen=True)
class Measure:
    """A measure by name.

    ``log_likelihood`` is :meth:`topicforge.TopicModel.score`, nats per held-out token by document
    completion, -log of the metric ``perplexity``; the others are metrics of topicforge and of
    plugins over the held-out documents: words of topics are counted there, and theta is compared
    with their labels.

    Args:
        name: of :func:`objectives`.

    Raises:
        UnknownNameError: another name.
        InputError: a metric that can't be computed here or has no direction.
    """

    name: str

    def __post_init__(self) -> None:
        if self.name == LOG_LIKELIHOOD:
            return
        try:
            obstacle = _obstacle(self._spec)
        except UnknownNameError as error:
            known = objectives()
            raise UnknownNameError(
                f"search: there is no objective {self.name!r}.{did_you_mean(self.name, known)} "
                f"Objectives: {', '.join(known)} ({error})"
            ) from error
        if obstacle:
            raise InputError(
                f"search: objective {self.name!r} {obstacle}; take one of {', '.join(objectives())}"
            )

    @property
    def _spec(self) -> MetricSpec:
        spec: MetricSpec = default_registry().find("metric", self.name)
        return spec

    @property
    def _needs(self) -> set[str]:
        needs = () if self.name == LOG_LIKELIHOOD else self._spec.needs
        return {one for need in needs for one in need.split("|")}

    @property
    def higher_is_better(self) -> bool:
        """Its direction."""
        return self.name == LOG_LIKELIHOOD or bool(self._spec.higher_is_better)

    def check(self, documents: CorpusPair, where: str) -> None:
        """Check that documents have what the measure needs.

        Args:
            documents: of the search.
            where: names it in an error.

        Raises:
            InputError: no labels.
        """
        if "labels" in self._needs and not documents.labelled:
            raise InputError(
                f"{where} must have labels for objective {self.name!r}; build it again with labels, or "
                f"take objective {LOG_LIKELIHOOD!r}"
            )

    def __call__(self, model: TopicModel, held_out: Corpus) -> float:
        """Return the measure of a fitted model.

        Args:
            model: fitted.
            held_out: documents that it has not seen.
        """
        with warnings.catch_warnings():
            # empty documents were warned about when the corpus was read
            warnings.simplefilter("ignore", UserWarning)
            if self.name == LOG_LIKELIHOOD:
                return model.score(held_out)
            width, needs = held_out.vocab_size, self._needs
            # a measure distinguishes words, and doesn't read them
            words = tuple(str(v) for v in range(width))
            given: dict[str, Any] = {"vocabulary": words, "labels": held_out.labels}
            if "bow" in needs:
                given["bow"] = held_out.counts.to_scipy()
            if "theta" in needs:
                given["theta"] = model.transform(held_out)
            if {"transform", "topic_word", "completion", "heldout"} & needs:
                given["transform"], given["topic_word"] = model.transform, model.topic_word_
                given["completion"] = model.completion
                given["heldout"] = held_out.counts.to_scipy()
            found = evaluate(
                [[str(word) for word in topic] for topic in model.topics(min(25, width), words)],
                metrics=[self.name], registry=default_registry(), top=min(10, width),
                reference=held_out.name, documents=held_out.name, **given,
            )  # fmt: skip
        return found[self.name].value
