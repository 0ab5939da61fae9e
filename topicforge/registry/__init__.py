"""Finding components: entry points -> records, names -> specs."""

from topicforge.registry.options import build, check_options, option_defaults
from topicforge.registry.record import PluginRecord
from topicforge.registry.registry import Registry, default_registry, list_components

__all__ = [
    "PluginRecord",
    "Registry",
    "build",
    "check_options",
    "default_registry",
    "list_components",
    "option_defaults",
]
