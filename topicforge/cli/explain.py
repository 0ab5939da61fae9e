"""``topicforge explain``: what fits with what, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from topicforge.cli import settings
from topicforge.cli.output import new_table, note, print_json, print_tables


def explain(
    preset: settings.Preset = None,
    encoder: settings.Encoder = None,
    link: settings.Link = None,
    prior: settings.Prior = None,
    divergence: settings.Divergence = None,
    decoder: settings.Decoder = None,
    set_: settings.Assignments = None,
    config: settings.Config = None,
    json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False,
) -> None:
    """Say what fits with what; with options, why this mix works, or why not and what does instead.

    An impossible mix exits with 2.
    """
    parts = {
        "preset": preset, "encoder": encoder, "link": link, "prior": prior,
        "divergence": divergence, "decoder": decoder,
    }  # fmt: skip
    if set_ or config or any(parts.values()):
        _explain_mix(settings.build_model(parts, set_, config).explain(), json)
        return
    from topicforge.registry import default_registry
    from topicforge.wiring.composition import fit_table

    rows = fit_table(default_registry())
    if json:
        print_json(rows)
        return
    table = new_table(*rows[0])
    for row in rows:
        table.add_row(*row.values())
    print_tables(table)
    note("\nWhy, for one of them: topicforge explain --encoder mlp-point --divergence kl")


def _explain_mix(text: str, json: bool) -> None:
    lines = dict(line.split(maxsplit=1) for line in text.splitlines())
    if json:
        print_json(lines)
        return
    table = new_table("", "")
    table.show_header = False
    for name, what in lines.items():
        table.add_row(name, what)
    print_tables(table)
