"""topicforge: neural topic models as compositions of plugins.

Importing this package loads no plugin, no torch and opens no file; names arrive on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from topicforge._version import __version__

__all__ = ["ThetaMapper", "TopicModel", "__version__", "list_components", "load", "open_theta"]

if TYPE_CHECKING:
    from topicforge.estimator.mapper import ThetaMapper
    from topicforge.estimator.theta import open_theta
    from topicforge.estimator.topic_model import TopicModel, load
    from topicforge.registry import list_components

_HOMES = {
    "ThetaMapper": "topicforge.estimator.mapper",
    "TopicModel": "topicforge.estimator.topic_model",
    "load": "topicforge.estimator.topic_model",
    "list_components": "topicforge.registry",
    "open_theta": "topicforge.estimator.theta",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'topicforge' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
