"""``topicforge plugins``: every component, preset and rule, and what became of each plugin."""

from __future__ import annotations

from typing import Annotated

import typer

from topicforge.cli.output import print_json, table_console


def plugins(
    json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """List plugins, components and presets, each with its package and version."""
    from topicforge.registry import default_registry
    from topicforge.registry.report import component_rows, plugin_rows, preset_rows, report

    registry = default_registry()
    if json:
        print_json(report(registry))
        return
    from rich.table import Table

    console = table_console()
    table = Table(title="plugins", box=None, title_justify="left")
    for column in ("plugin", "version", "status", "what to know"):
        table.add_column(column, overflow="fold")
    for row in plugin_rows(registry):
        told = [row["error"], row["advice"], *row["notes"]]
        what = "; ".join(text for text in told if text) or f"{len(row['components'])} components"
        style = "" if row["status"] == "loaded" else "red"
        table.add_row(row["name"], row["version"], row["status"], what, style=style)
    console.print(table, "")
    table = Table(title="components", box=None, title_justify="left")
    for column in ("kind", "name", "package", "what it is"):
        table.add_column(column, overflow="fold")
    for row in component_rows(registry):
        package = f"{row['distribution']} {row['version']}"
        table.add_row(row["kind"], row["name"], package, row["summary"])
    console.print(table, "")
    table = Table(title="presets", box=None, title_justify="left")
    for column in ("name", "package", "what it is", "source"):
        table.add_column(column, overflow="fold")
    for row in preset_rows(registry):
        package = f"{row['distribution']} {row['version']}"
        table.add_row(row["name"], package, row["summary"], row["source"])
    console.print(table)
