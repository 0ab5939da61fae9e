"""The program: its commands, and how errors and warnings reach the terminal."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, Any

import typer

from topicforge.cli import corpus, demo, evaluate, explain, kernels, plugins, read, train
from topicforge.cli.output import errors, show_error, show_warning

app = typer.Typer(
    name="topicforge",
    help="Neural topic models as compositions: encoder x link x prior x divergence x decoder.",
    epilog="Exit codes: 0 done; 1 data or training failed; 2 the command was wrong; "
    "130 interrupted, with the model saved.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
app.command("demo")(demo.demo)
app.add_typer(corpus.app, name="corpus")
app.command("train")(train.train)
app.command("topics")(read.topics)
app.command("transform")(read.transform)
app.command("evaluate")(evaluate.evaluate)
app.command("plugins")(plugins.plugins)
app.command("explain")(explain.explain)
app.add_typer(kernels.app, name="kernels")


def _version(asked: bool) -> None:
    if asked:
        from topicforge import __version__

        print(f"topicforge {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of every command."""
    del version
    errors.debug = debug


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit; errors of ours become one paragraph, never a traceback."""
    from topicforge.errors import MixError, OptionError, TopicForgeError, UnknownNameError

    shown: set[str] = set()

    def once(message: Warning | str, *rest: Any, **options: Any) -> None:
        del rest, options
        if str(message) not in shown:
            shown.add(str(message))
            show_warning(str(message))

    warnings.showwarning = once
    code: int | None
    try:
        code = app(args=arguments, standalone_mode=False)
    except (typer.Abort, KeyboardInterrupt):
        show_error("interrupted")
        code = 130
    except TopicForgeError as error:
        if errors.debug:
            raise
        show_error(str(error))
        code = 2 if isinstance(error, (OptionError, UnknownNameError, MixError)) else 1
    except BrokenPipeError:
        # the reader (head, less) has seen enough
        sys.stderr.close()
        code = 0
    except OSError as error:
        if errors.debug:
            raise
        show_error(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
        code = 1
    except Exception as error:
        # a wrong command line: typer's own exceptions know how to show themselves (its base class has
        # moved between versions, so it is known by what it can do)
        if not (hasattr(error, "show") and hasattr(error, "exit_code")):
            raise
        error.show()
        code = error.exit_code
    sys.exit(code if isinstance(code, int) else 0)
