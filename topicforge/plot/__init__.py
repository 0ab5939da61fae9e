"""Pictures of a model: matplotlib Axes here, the same as Plotly figures in :mod:`.interactive`.

Every function takes a model, arrays or a table of :mod:`topicforge.results`, and returns the Axes that it
drew on: those of ``ax``, or new ones whose figure is ``ax.figure``. No function touches pyplot, so that no
display is needed and no state is left behind. Colours are those of Okabe and Ito, and viridis; words are
drawn as they are, ``$`` included, in fonts that have their characters.

    ax = plot.topic_map(model)
    ax.figure.savefig("map.pdf")
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from topicforge.plot import interactive
    from topicforge.plot.axes import (
        correlation,
        document_map,
        hierarchy,
        over_time,
        per_class,
        scores,
        theta_by_label,
        top_words,
        topic_map,
        training,
    )
    from topicforge.plot.data import to_pyldavis

__all__ = [
    "correlation",
    "document_map",
    "hierarchy",
    "interactive",
    "over_time",
    "per_class",
    "scores",
    "theta_by_label",
    "to_pyldavis",
    "top_words",
    "topic_map",
    "training",
]


def __getattr__(name: str) -> Any:
    if name == "interactive":
        return import_module("topicforge.plot.interactive")
    if name == "to_pyldavis":
        return import_module("topicforge.plot.data").to_pyldavis
    if name in __all__:
        return getattr(import_module("topicforge.plot.axes"), name)
    raise AttributeError(f"module 'topicforge.plot' has no attribute {name!r}")
