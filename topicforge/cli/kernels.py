"""``topicforge kernels``: which operators run native, and building them."""

from __future__ import annotations

from typing import Annotated

import typer

from topicforge.cli.output import note

app = typer.Typer(help="Show the native operators in use and why; build them.")


@app.callback(invoke_without_command=True)
def kernels(context: typer.Context) -> None:
    """Show the native operators in use and why; build them."""
    if context.invoked_subcommand is None:
        from topicforge.ops import kernels_report

        print(kernels_report())


@app.command("build")
def build(
    cuda: Annotated[
        bool | None, typer.Option(help="Build for CUDA too; by default where it fits.")
    ] = None,
    verbose: Annotated[bool, typer.Option(help="Show the compiler's commands.")] = False,
) -> None:
    """Compile the operators for this machine's torch."""
    from topicforge.ops import build_kernels

    for path in build_kernels(cuda=cuda, verbose=verbose):
        note(f"built {path}")
