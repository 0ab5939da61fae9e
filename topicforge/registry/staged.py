"""What one plugin registers, kept apart until all of its hooks went well."""

from __future__ import annotations

from dataclasses import dataclass, field

from topicforge.contracts import ComponentSpec, PresetSpec, RuleSpec
from topicforge.errors import PluginError
from topicforge.evaluation import MetricSpec


@dataclass
class Staged:
    """A plugin's registrations before they are committed.

    Args:
        distribution: the distribution that brings them.
        version: of that distribution.
        components: in the order of registration.
        rules: likewise.
        presets: likewise.
        metrics: likewise.
        closed: no more are taken; a register that a plugin kept for later must not look as if
            it still worked.
    """

    distribution: str
    version: str
    components: list[ComponentSpec] = field(default_factory=list)
    rules: list[RuleSpec] = field(default_factory=list)
    presets: list[PresetSpec] = field(default_factory=list)
    metrics: list[MetricSpec] = field(default_factory=list)
    closed: bool = False

    def require_open(self, where: str) -> None:
        """Raise :class:`PluginError` once the plugin's hooks have returned."""
        if self.closed:
            raise PluginError(
                f"{where}: registration is over once the plugin's hooks have returned; call the "
                "register inside the hook"
            )
