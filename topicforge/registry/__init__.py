"""Finding components: entry points -> records, names -> specs."""

from topicforge.registry.default import default_registry, list_components
from topicforge.registry.metadata import installed
from topicforge.registry.options import build, check_options, option_defaults
from topicforge.registry.policy import PluginPolicy
from topicforge.registry.record import PluginRecord
from topicforge.registry.registry import Registry

__all__ = [
    "PluginPolicy",
    "PluginRecord",
    "Registry",
    "build",
    "check_options",
    "default_registry",
    "installed",
    "list_components",
    "option_defaults",
]
