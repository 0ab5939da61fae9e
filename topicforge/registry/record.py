"""What became of each entry point."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["loaded", "broken", "wrong-api", "blocked"]


@dataclass(frozen=True)
class PluginRecord:
    """One entry point and what came of it.

    Args:
        entry_point: its name.
        distribution: the installed distribution that declares it.
        version: of that distribution.
        module: the module it names.
        status: ``loaded``, ``broken``, ``wrong-api`` or ``blocked``.
        components: qualified names of what it brought, ``kind distribution:name``.
        error: one line on what went wrong.
        advice: one line on what to do.
        traceback: of the failure.
        output: what its import printed; kept away from standard output.
        seconds: how long its import took.
    """

    entry_point: str
    distribution: str
    version: str
    module: str
    status: Status
    components: tuple[str, ...] = ()
    error: str = ""
    advice: str = ""
    traceback: str = ""
    output: str = ""
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """``distribution:entry_point``."""
        return f"{self.distribution}:{self.entry_point}"
