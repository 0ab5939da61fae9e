"""What goes to the terminal: results on standard output, everything else on standard error.

Everything that is printed goes through :func:`escaped`, because it may come from a corpus, a file name or a
model folder, and a terminal obeys what it is sent.
"""

from __future__ import annotations

import functools
import json
import logging
import math
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, ParamSpec, TextIO, TypeVar

from rich.cells import cell_len
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

P = ParamSpec("P")
T = TypeVar("T")

#: progress, notes, warnings and errors; markup is off because messages quote names with brackets
notes = Console(stderr=True, highlight=False, markup=False, emoji=False)
#: wider than any table: what reads a pipe wants rows, not folded cells
_UNFOLDED = 10_000


#: control characters, marks of direction, separators of lines and halves of characters
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


@dataclass
class _State:
    debug: bool = False
    #: where results go while a command runs; what plugins print goes to standard error
    results: TextIO | None = None


state = _State()


def escaped(text: str) -> str:
    r"""Return a text with what a terminal would obey written out: ``\x1b``, ``\u202e``, ``\n``."""
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode("ascii"), text)


def results_only(command: Callable[P, T]) -> Callable[P, T]:
    """Keep standard output for a command's results, whatever a plugin prints meanwhile."""

    @functools.wraps(command)
    def run(*arguments: P.args, **options: P.kwargs) -> T:
        state.results = sys.stdout
        try:
            with redirect_stdout(sys.stderr):
                return command(*arguments, **options)
        finally:
            state.results = None

    return run


def _results() -> TextIO:
    return state.results or sys.stdout


def emit(text: str = "") -> None:
    """Print lines of a result to standard output."""
    for line in text.split("\n"):
        print(escaped(line), file=_results())


def show_error(message: str) -> None:
    """Print one paragraph in red: folded on a terminal, one line in a pipe."""
    _say(Text.assemble(("error: ", "bold red"), (escaped(message), "red")))


def show_warning(message: str) -> None:
    """Print one paragraph in yellow."""
    _say(Text.assemble(("warning: ", "bold yellow"), escaped(message)))


def note(message: str) -> None:
    """Print a line beside the results."""
    _say(Text(escaped(message)))


class NoteHandler(logging.Handler):
    """Prints what topicforge logs as notes."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        note(self.format(record))


def verbatim(message: str) -> None:
    """Print what is meant to be pasted: the terminal folds it without breaking the line in two."""
    notes.print(Text("\n".join(map(escaped, message.split("\n")))), soft_wrap=True)


def _say(text: Text) -> None:
    notes.print(text, soft_wrap=not notes.is_terminal)


def is_live() -> bool:
    """Whether standard error is a terminal that can redraw lines."""
    return notes.is_terminal and not notes.is_dumb_terminal


@contextmanager
def working(what: str) -> Iterator[None]:
    """Show that something takes its time, on a terminal; nothing in a pipe."""
    if is_live():
        with notes.status(Text(escaped(f"{what} ..."))):
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
    text = json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False)
    lines = text.split("\n")  # JSON writes a character as \u and four digits
    safe = (_UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", line) for line in lines)
    print("\n".join(safe), file=_results())


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
    console = Console(file=_results())
    if not console.is_terminal:
        return " ".join(words)
    shown = words[0]
    for word in words[1:]:
        if taken + cell_len(f"{shown} {word}") > console.width:
            break
        shown = f"{shown} {word}"
    return shown


class _Table(Table):
    """A table whose cells hold nothing that a terminal obeys."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*(escaped(cell) for cell in cells), **options)


def new_table(*columns: str, title: str | None = None, right: Sequence[str] = ()) -> Table:
    """Return a plain table without lines.

    Args:
        columns: headings.
        title: above it.
        right: headings of columns that hold numbers.
    """
    table = _Table(box=None, title=title, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(
            escaped(column), justify="right" if column in right else "left", overflow="fold"
        )  # fmt: skip
    return table


def print_tables(*tables: Table) -> None:
    """Print tables to standard output, an empty line between them.

    On a terminal cells are folded to its width, in a pipe a row is a line.
    """
    console = Console(file=_results(), highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _UNFOLDED
    for number, table in enumerate(tables):
        with console.capture() as captured:
            console.print(table)
        if number:
            print(file=_results())
        for line in captured.get().splitlines():
            print(line.rstrip(), file=_results())
