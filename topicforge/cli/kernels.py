"""``topicforge kernels``: which operators run native, and building them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from topicforge.cli.output import emit, note, print_json, results_only, working

app = typer.Typer(help="Show which native operators are in use and why, or build them.")


@app.callback(invoke_without_command=True)
@results_only
def kernels(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Show which native operators are in use and why, or build them."""
    if context.invoked_subcommand is not None:
        return
    from topicforge.ops import kernels_report

    report = kernels_report()
    if json:
        print_json(asdict(report))
    else:
        emit(str(report))


@app.command("build")
@results_only
def build(
    cuda: Annotated[
        bool | None,
        typer.Option("--cuda/--no-cuda", help="Also build for CUDA.", show_default="where it fits"),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Show the commands of the compiler.")
    ] = False,
) -> None:
    """Compile the operators for this machine's torch; takes a minute or two."""
    from topicforge.ops import build_kernels
    from topicforge.ops._paths import read_build_info

    with working("compiling"):
        libraries = build_kernels(cuda=cuda, verbose=verbose)
    for path in libraries:
        note(f"built {path}")
    for device, why in read_build_info(libraries[0].parent).get("failures", {}).items():
        note(f"no library for {device}: {why}")
