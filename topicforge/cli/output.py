"""What goes to the terminal: results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from rich.cells import cell_len
from rich.console import Console
from rich.progress import Progress
from rich.text import Text

if TYPE_CHECKING:
    from rich.table import Table

#: progress, notes, warnings and errors; markup is off because messages quote names with brackets
notes = Console(stderr=True, highlight=False, markup=False, emoji=False)
#: wider than any table: what reads a pipe wants rows, not folded cells
_UNFOLDED = 10_000


@dataclass
class _Errors:
    debug: bool = False


errors = _Errors()


def show_error(message: str) -> None:
    """Print one paragraph in red: folded on a terminal, one line in a pipe."""
    _say(Text.assemble(("error: ", "bold red"), (message, "red")))


def show_warning(message: str) -> None:
    """Print one paragraph in yellow."""
    _say(Text.assemble(("warning: ", "bold yellow"), message))


def note(message: str) -> None:
    """Print a line beside the results."""
    _say(Text(message))


def verbatim(message: str) -> None:
    """Print what is meant to be pasted: the terminal folds it without breaking the line in two."""
    notes.print(Text(message), soft_wrap=True)


def _say(text: Text) -> None:
    notes.print(text, soft_wrap=not notes.is_terminal)


def is_live() -> bool:
    """Whether standard error is a terminal that can redraw lines."""
    return notes.is_terminal and not notes.is_dumb_terminal


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something takes its time, on a terminal; nothing in a pipe."""
    if is_live():
        with notes.status(Text(f"{what} ...")):
            yield
    else:
        yield


@contextmanager
def counted(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how many of ``total`` documents are done, on a terminal; nothing in a pipe.

    Yields:
        To be called with the number that is done.
    """
    if not is_live():
        yield lambda _: None
        return
    with Progress(console=notes) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)


def print_json(value: Any) -> None:
    """Print one JSON document, and nothing else, to standard output."""
    print(json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def _plain(value: Any) -> Any:
    """What JSON can hold: numbers that are not finite become null, paths text."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value) if isinstance(value, PurePath) else value


def fitting(words: Sequence[str], taken: int) -> str:
    """Join words by spaces: all of them in a pipe, on a terminal those that fit its line.

    Args:
        words: best first.
        taken: columns of the line that are in use already.
    """
    console = Console()
    if not console.is_terminal:
        return " ".join(words)
    shown = words[0]
    for word in words[1:]:
        if taken + cell_len(f"{shown} {word}") > console.width:
            break
        shown = f"{shown} {word}"
    return shown


def new_table(*columns: str, title: str | None = None, right: Sequence[str] = ()) -> Table:
    """Return a plain table without lines.

    Args:
        columns: headings.
        title: above it.
        right: headings of columns that hold numbers.
    """
    from rich.table import Table

    table = Table(box=None, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(
            column, justify="right" if column in right else "left", overflow="fold"
        )  # fmt: skip
    return table


def print_tables(*tables: Table) -> None:
    """Print tables to standard output, an empty line between them.

    On a terminal cells are folded to its width, in a pipe a row is a line.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=_UNFOLDED)
    for number, table in enumerate(tables):
        with console.capture() as captured:
            console.print(table)
        if number:
            print()
        for line in captured.get().splitlines():
            print(line.rstrip())
