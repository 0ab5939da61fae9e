"""What names topics: a function of a topic's words, phrases and documents."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class TopicSummary:
    """What a labeler is told of one topic.

    Args:
        topic: its number.
        words: its top words, best first.
        distinctive: words that are frequent in it and rare in the others (FREX), best first.
        phrases: phrases of two or three words that its documents have more often than those of other
            topics, best first; empty where no texts were given.
        documents: texts of the documents with the largest share of it, best first; empty where no texts
            were given.
    """

    topic: int
    words: tuple[str, ...]
    distinctive: tuple[str, ...]
    phrases: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()


@dataclass(frozen=True)
class LabelerSpec:
    """One labeler as registered.

    Args:
        name: kebab-case short name; ``distribution:name`` finds it too.
        function: ``function(topic, *, option=default, ...)`` of a :class:`TopicSummary`, which returns a
            label: one line of text. Whatever it raises leaves that topic without a new label, and
            is reported with the topic's number.
        summary: one line.
        distribution: the installed distribution that registered it; the registry fills it in.
        version: that distribution's version; the registry fills it in.
    """

    kind: ClassVar[str] = "labeler"
    name: str
    function: Callable[..., str]
    _: KW_ONLY
    summary: str
    distribution: str = ""
    version: str = ""

    @property
    def qualified_name(self) -> str:
        """``distribution:name``, which no other package can take."""
        return f"{self.distribution}:{self.name}" if self.distribution else self.name

    @property
    def options(self) -> dict[str, Any]:
        """The options and their defaults: the function's keyword-only parameters."""
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}
