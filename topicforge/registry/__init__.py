"""Finding components: entry points -> records, names -> specs."""

from topicforge.registry.default import default_registry, list_components
from topicforge.registry.metadata import installed
from topicforge.registry.options import (
    Option,
    build,
    check_options,
    describe,
    option_defaults,
    options_of,
)
from topicforge.registry.policy import PluginPolicy
from topicforge.registry.record import PluginRecord
from topicforge.registry.registry import Registry

__all__ = [
    "Option",
    "PluginPolicy",
    "PluginRecord",
    "Registry",
    "build",
    "check_options",
    "default_registry",
    "describe",
    "installed",
    "list_components",
    "option_defaults",
    "options_of",
]
