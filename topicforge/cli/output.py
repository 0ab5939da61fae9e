"""What goes to the terminal: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

#: progress, notes, warnings and errors; results go to standard output by print()
notes = Console(stderr=True, highlight=False, soft_wrap=True)


@dataclass
class _Errors:
    debug: bool = False


errors = _Errors()


def show_error(message: str) -> None:
    """Print one paragraph in red."""
    notes.print(Text.assemble(("error: ", "bold red"), message))


def show_warning(message: str) -> None:
    """Print one paragraph in yellow."""
    notes.print(Text.assemble(("warning: ", "bold yellow"), message))


def note(message: str) -> None:
    """Print a line beside the results."""
    notes.print(Text(message))


def print_json(value: Any) -> None:
    """Print one JSON document, and nothing else, to standard output."""
    print(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def table_console() -> Console:
    """A console for tables on standard output: 80 columns where there is no terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=100)
