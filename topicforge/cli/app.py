"""The program: its commands in the order of their use."""

from __future__ import annotations

import errno
import logging
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from topicforge.cli import (
    card,
    choose_k,
    compare,
    corpus,
    demo,
    edit,
    evaluate,
    explain,
    export,
    inspect,
    kernels,
    label,
    plugins,
    read,
    report,
    search,
    serve,
    tables,
    train,
)
from topicforge.cli.output import NoteHandler, results_only, show_error, show_warning, state

_ORDER = (
    "demo", "corpus", "train", "topics", "find", "documents", "inspect", "card", "edit",
    "label", "report", "transform", "export", "serve", "evaluate", "choose-k", "compare",
    "search", "explain", "plugins", "kernels",
)  # fmt: skip


class _Commands(TyperGroup):
    """The group of all commands; what typer would do differently from version to version."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of their use; typer would put groups behind commands."""
        return sorted(super().list_commands(ctx), key=_ORDER.index)

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an interruption and a closed pipe end it without a traceback."""
        try:
            returned = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            fits = ctx.invoked_subcommand in ("train", "demo")
            show_error("interrupted before there was a model" if fits else "interrupted")
            raise typer.Exit(1 if fits else 130) from None
        except BrokenPipeError:
            # the reader (head, less) has seen enough; what is left must not be flushed at exit
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            show_error(
                f"{error.filename or 'standard output'}: there is no room ({error.strerror})"
            )
            raise typer.Exit(1) from None
        return returned


app = typer.Typer(
    name="topicforge",
    cls=_Commands,
    help="Neural topic models: train, inspect and compare them. A model is composed of an encoder, a link, a "
    "prior, a divergence and a decoder, which are chosen by name. To begin: topicforge demo",
    epilog="Exit codes: 0 for success; 1 if the data, a file or the training failed; 2 if the command was "
    "wrong (usage, an unknown name, parts that do not fit, an output that exists); 130 if it was "
    "interrupted: train and demo have then saved the model, or exit with 1 where there was none yet.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("demo")(results_only(demo.demo))
app.add_typer(corpus.app, name="corpus")
app.command("train")(results_only(train.train))
app.command("topics")(results_only(read.topics))
app.command("find")(results_only(tables.find))
app.command("documents")(results_only(tables.documents))
app.command("inspect")(results_only(inspect.inspect))
app.command("card")(results_only(card.card))
app.command("edit")(results_only(edit.edit))
app.command("label")(results_only(label.label))
app.command("report")(results_only(report.report))
app.command("transform")(results_only(read.transform))
app.command("export")(results_only(export.export))
app.command("serve")(results_only(serve.serve))
app.command("evaluate")(results_only(evaluate.evaluate))
app.command("choose-k")(results_only(choose_k.choose_k))
app.command("compare")(results_only(compare.compare))
app.command("search")(results_only(search.search))
app.command("explain")(results_only(explain.explain))
app.add_typer(plugins.app, name="plugins")
app.add_typer(kernels.app, name="kernels")


def _version(wanted: bool) -> None:
    if wanted:
        from topicforge._version import __version__

        print(f"topicforge {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors. Stands before the command.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options of every command."""
    del version
    state.debug = debug


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit; errors become one paragraph, a traceback only with --debug.

    Args:
        arguments: instead of the process's own.

    Raises:
        SystemExit: always, with the exit code.
    """
    if not sys.stdout.isatty() and hasattr(sys.stdout, "reconfigure"):
        # what a program reads is UTF-8 whatever the terminal's language
        sys.stdout.reconfigure(encoding="utf-8")
    _prepare_torch()
    state.debug = False
    log, handler = logging.getLogger("topicforge"), NoteHandler()
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        with warnings.catch_warnings():
            _tidy_warnings()
            code = _run(arguments)
    finally:
        log.removeHandler(handler)
    sys.exit(code)


def _run(arguments: Sequence[str] | None) -> int:
    from topicforge.errors import OptionError, TopicForgeError

    try:
        code = app(
            args=None if arguments is None else list(arguments),
            prog_name="topicforge",
            standalone_mode=False,
        )
        return code if isinstance(code, int) else 0
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):
            # a wrong command line; typer's base class has moved between versions, so it is known by
            # what it can do
            error.show()
            return int(error.exit_code)
        if state.debug:
            raise
        if isinstance(error, TopicForgeError):
            show_error(str(error))
            return 2 if isinstance(error, OptionError) else 1
        if isinstance(error, OSError) and error.filename is not None:
            show_error(f"{error.filename}: {error.strerror}")
            return 1
        show_error(
            f"{type(error).__name__}: {error}. This should have been caught earlier, in topicforge or in a "
            "plugin; `topicforge --debug ...` shows where it happened"
        )
        return 1


def _prepare_torch() -> None:
    """Have OpenMP's threads give up their processor while they wait, and torch take large pages.

    By default threads spin, and where the machine has other work a thread then waits for one that it
    keeps from running: see "Beside other work" in docs/scaling.md. OpenMP reads the variable once, when
    torch is imported, so nothing is changed after that. Torch reads its own when it first allocates
    memory; with large pages training at V = 50,000 is up to 1.3 times as fast. What is set already stays.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    chosen = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME"} & set(os.environ)
    if not chosen and "torch" not in sys.modules:
        os.environ["OMP_WAIT_POLICY"] = "passive"


def _tidy_warnings() -> None:
    """Show each warning once, as a paragraph without file and line."""
    shown: set[str] = set()

    def once(message: Warning | str, *rest: Any, **named: Any) -> None:
        del rest, named
        if str(message) not in shown:
            shown.add(str(message))
            show_warning(str(message))

    warnings.showwarning = once
