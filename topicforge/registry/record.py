"""What became of each entry point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["loaded", "broken", "wrong-api", "blocked", "duplicate"]
#: a plugin that should have loaded and did not
FAILED: tuple[Status, ...] = ("broken", "wrong-api")


@dataclass(frozen=True)
class PluginRecord:
    """One entry point and what came of it.

    Args:
        entry_point: its name.
        distribution: the installed distribution that declares it, in normal form.
        version: of that distribution.
        module: the module it names.
        status: ``loaded``; ``broken``: it raised or broke the contract; ``wrong-api``: written for
            another number of the contract; ``blocked``: by the environment; ``duplicate``: stale
            metadata of a distribution that is installed in another version.
        components: what it brought, as ``kind distribution:name``, presets and metrics
            among them.
        rules: how many divergence rules it brought.
        error: one line on what went wrong.
        advice: one line on what to do.
        traceback: of the failure.
        output: what it printed while it loaded; kept away from standard output.
        seconds: how long its import and its hooks took.
        notes: what a user should know although it loaded (slow, printing, shared names).
    """

    entry_point: str
    distribution: str
    version: str
    module: str
    status: Status
    components: tuple[str, ...] = ()
    rules: int = 0
    error: str = ""
    advice: str = ""
    traceback: str = ""
    output: str = ""
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """``distribution:entry_point``."""
        return f"{self.distribution}:{self.entry_point}"

    @property
    def failed(self) -> bool:
        """True if it should have loaded and did not."""
        return self.status in FAILED
