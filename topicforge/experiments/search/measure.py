"""What a search looks for: a measure of a model on documents that it has not seen."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from topicforge.corpus import Corpus
from topicforge.errors import InputError, UnknownNameError, did_you_mean
from topicforge.evaluation import METRICS, evaluate

if TYPE_CHECKING:
    from topicforge.estimator.topic_model import TopicModel

LOG_LIKELIHOOD = "log_likelihood"
#: metrics that need running text, which a corpus folder does not keep
_OF_TEXTS = tuple(name for name, spec in METRICS.items() if "texts" in spec.needs)
#: measures of which less is better
_LESS = ("perplexity",)
MEASURES = (LOG_LIKELIHOOD, *(name for name in METRICS if name not in _OF_TEXTS))


@dataclass(frozen=True)
class Measure:
    """A measure by name.

    ``log_likelihood`` is :meth:`topicforge.TopicModel.score`, nats a held-out word by document
    completion; the others are those of :mod:`topicforge.evaluation` over the held-out documents:
    words of topics are counted there, and theta is held against their labels.

    Args:
        name: of :data:`MEASURES`.

    Raises:
        UnknownNameError: another name.
        InputError: a metric of running texts.
    """

    name: str

    def __post_init__(self) -> None:
        if self.name in _OF_TEXTS:
            raise InputError(
                f"search: objective {self.name!r} needs running texts, which corpus folders don't keep; "
                f"take one of {', '.join(MEASURES)}"
            )
        if self.name not in MEASURES:
            raise UnknownNameError(
                f"search: there is no objective {self.name!r}.{did_you_mean(self.name, MEASURES)} "
                f"Objectives: {', '.join(MEASURES)}"
            )

    @property
    def larger_is_better(self) -> bool:
        """Its direction."""
        return self.name not in _LESS

    @property
    def of_words(self) -> bool:
        """Whether it reads the topics' ranked words."""
        needs = () if self.name == LOG_LIKELIHOOD else METRICS[self.name].needs
        return not {"theta", "transform"} & set(needs) and self.name != LOG_LIKELIHOOD

    def check(self, corpus: Corpus, where: str) -> None:
        """See that a corpus has what the measure needs.

        Args:
            corpus: documents to be held out.
            where: names it in an error.

        Raises:
            InputError: no labels.
        """
        labelled = self.name in METRICS and "labels" in METRICS[self.name].needs
        if labelled and corpus.labels is None:
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
            # empty documents are the corpus' affair; each epoch would say it again
            warnings.simplefilter("ignore", UserWarning)
            if self.name == LOG_LIKELIHOOD:
                return model.score(held_out)
            width = held_out.vocab_size
            needs = METRICS[self.name].needs
            # a measure tells words apart, and doesn't read them
            words = tuple(str(v) for v in range(width))
            given: dict[str, Any] = {"vocabulary": words, "documents": held_out.name}
            if "bow" in needs:
                given |= {"bow": held_out.counts.to_scipy(), "reference": held_out.name}
            if "theta" in needs:
                given |= {"theta": model.transform(held_out), "labels": held_out.labels}
            if "transform" in needs:
                given |= {
                    "transform": model.transform,
                    "topic_word": model.topic_word_,
                    "heldout": held_out.counts.to_scipy(),
                }
            found = evaluate(
                [[str(word) for word in topic] for topic in model.topics(min(25, width), words)],
                metrics=[self.name], top=min(10, width), **given,
            )  # fmt: skip
        return found[self.name].value
