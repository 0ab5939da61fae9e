"""topicforge: neural topic models as compositions of plugins.

Importing this package loads no plugin, no torch and opens no file; names arrive on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["TopicModel", "__version__", "list_components", "load", "open_theta"]

if TYPE_CHECKING:
    from topicforge.model import TopicModel, load
    from topicforge.registry import list_components
    from topicforge.theta_folder import open_theta

_HOMES = {
    "TopicModel": "topicforge.model",
    "load": "topicforge.model",
    "list_components": "topicforge.registry",
    "open_theta": "topicforge.theta_folder",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'topicforge' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
