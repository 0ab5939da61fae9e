"""``topicforge plugins``: every component, preset, metric and rule, and what became of each plugin."""

from __future__ import annotations

import shlex
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from topicforge.cli.output import emit, new_table, note, print_json, print_tables, results_only
from topicforge.errors import PluginWarning

app = typer.Typer(help="List components and plugins, examine them, or write a new plugin.")


@app.callback(invoke_without_command=True)
@results_only
def plugins(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """List plugins and what they registered, each with its package and version.

    A plugin that did not load has a row with the reason; --json has its traceback.
    """
    if context.invoked_subcommand is not None:
        return
    from topicforge.registry import default_registry
    from topicforge.registry.report import report

    found = report(default_registry())
    if json:
        print_json(found)
        return
    plugins = new_table("plugin", "version", "status", "what to know", title="PLUGINS")
    for row in found["plugins"]:
        plugins.add_row(
            row["name"], row["version"], row["status"], _what_to_know(row),
            style="" if row["status"] == "loaded" else "red",
        )  # fmt: skip
    components = new_table("kind", "name", "what it is", "package", title="COMPONENTS")
    for row in found["components"]:
        components.add_row(row["kind"], row["name"], row["summary"], _package(row))
    presets = new_table("name", "what it is", "package", title="PRESETS")
    for row in found["presets"]:
        presets.add_row(row["name"], row["summary"], _package(row))
    metrics = new_table("name", "what it is", "needs beside topics", "package", title="METRICS")
    for row in found["metrics"]:
        needs = ", ".join(need.replace("|", " or ") for need in row["needs"])
        metrics.add_row(row["name"], row["summary"], needs, _package(row))
    rules = new_table("", "posterior", "prior", "how", "package", title="DIVERGENCE RULES")
    for row in found["rules"]:
        rules.add_row(
            row["divergence"], row["posterior"], row["prior"],
            f"{row['exactness']} in {row['space']}", _package(row),
        )  # fmt: skip
    readers = new_table(
        "name", "what it is", "package", title="READERS, CORPORA, EMBEDDERS, LABELERS"
    )
    for row in (*found["readers"], *found["corpora"], *found["embedders"], *found["labelers"]):
        readers.add_row(row["name"], row["summary"], _package(row))
    print_tables(plugins, components, presets, metrics, readers, rules)


@app.command("show")
@results_only
def show(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="The name of a component, preset or metric, with its package before it where two "
            "packages share the name (PACKAGE:NAME).",
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False,
) -> None:
    """Show what one component, preset or metric is, with all of its options.

    Everything of that name is shown: the encoder mlp and the decoder mlp, for example.
    """
    from topicforge.registry import default_registry
    from topicforge.registry.report import described

    found = described(default_registry(), name)
    if json:
        print_json(found)
        return
    for number, row in enumerate(found):
        emit("\n" * bool(number) + f"{row['kind']} {row['name']}: {row['summary']}")
        emit(f"source: {row['source']}")
        emit(f"package: {_package(row)}")
        if row.get("higher_is_better") is not None:
            emit(f"better: {'higher' if row['higher_is_better'] else 'lower'}")
        if row.get("needs"):
            emit(f"needs beside topics: {', '.join(row['needs'])}")
        if row.get("notes"):
            emit(f"notes: {row['notes']}")
        for setting, value in row.get("settings", {}).items():
            emit(f"  {setting} = {value}")
        if row.get("options"):
            table = new_table("option", "type", "default", "meaning")
            for option in row["options"]:
                table.add_row(option["name"], option["type"], option["default"], option["meaning"])
            print_tables(table)


@app.command("doctor")
@results_only
def doctor(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="PACKAGE", help="The package to examine.", show_default="all of them"
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Explain every broken, clashing, blocked or outdated plugin, and what to do.

    Exits with 1 where something is broken.
    """
    from dataclasses import asdict

    from topicforge.registry import default_registry
    from topicforge.registry.doctor import chosen, examine

    with warnings.catch_warnings():
        # the findings below say the same, one by one
        warnings.simplefilter("ignore", PluginWarning)
        registry = default_registry()
    findings = examine(registry, name)
    if json:
        print_json([asdict(finding) for finding in findings])
    for finding in () if json else findings:
        emit(f"{finding.severity}: {finding.plugin} {finding.version}")
        emit(f"  {finding.what}")
        emit(f"  -> {finding.todo}")
    looked = len(chosen(registry, name))
    broken = sum(finding.severity == "broken" for finding in findings)
    note(
        f"{looked} plugin{'' if looked == 1 else 's'} looked at: metadata, requirements, import, contract "
        f"number, hooks, names; {broken} broken, {len(findings) - broken} more to know"
    )
    if broken:
        raise typer.Exit(1)


@app.command("new")
@results_only
def new(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The name of the component, such as wide-gaussian."),
    ],
    kind: Annotated[
        str,
        typer.Option(
            "--kind",
            "-k",
            help="The kind: encoder, link, prior, divergence, decoder, regulariser or callback.",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FOLDER",
            help="The folder in which the package's folder is made.",
        ),
    ] = Path(),
) -> None:
    """Write a package topicforge-NAME with one component, a test of the contract and a README.

    It installs and passes as it is; change the component, and the test says whether it keeps the contract.
    """
    from topicforge.registry import default_registry
    from topicforge.registry.scaffold import new_package

    folder = new_package(name, kind, output, default_registry())
    place = shlex.quote(str(folder))
    note(
        f"written: {folder}; the {kind} is in src/{folder.name.replace('-', '_')}/plugin.py. Next:"
    )
    for command in (
        f"pip install -e {shlex.quote(f'{folder}[test]')}",
        f"python -m pytest {place}",
        "topicforge plugins",
    ):
        note(f"  {command}")


def _package(row: dict[str, Any]) -> str:
    return f"{row['distribution']} {row['version']}"


def _what_to_know(row: dict[str, Any]) -> str:
    remarks = [row["error"], row["advice"], *row["notes"]]
    if any(remarks):
        return "; ".join(text for text in remarks if text)
    n, rules = len(row["components"]), row["rules"]
    return f"{n} components, presets, metrics, readers and corpora" + (
        f", {rules} divergence rules" if rules else ""
    )
