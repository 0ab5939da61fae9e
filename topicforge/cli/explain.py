"""``topicforge explain``: what fits with what, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from topicforge.cli.output import print_json, table_console


def explain(
    preset: Annotated[str | None, typer.Option(help="Start from this named composition.")] = None,
    encoder: Annotated[str | None, typer.Option(help="Counts -> posterior.")] = None,
    link: Annotated[str | None, typer.Option(help="z -> theta.")] = None,
    prior: Annotated[str | None, typer.Option(help="What the posterior is drawn to.")] = None,
    divergence: Annotated[str | None, typer.Option(help="How far it is from the prior.")] = None,
    decoder: Annotated[str | None, typer.Option(help="theta -> words.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="As in train.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the table as JSON.")] = False,
) -> None:
    """Without options: the whole table. With: why this mix works, or not and what does instead."""
    from topicforge.composition import fit_table
    from topicforge.registry import default_registry

    parts = {
        "encoder": encoder, "link": link, "prior": prior, "divergence": divergence,
        "decoder": decoder,
    }  # fmt: skip
    if preset or set_ or any(parts.values()):
        from topicforge.cli.train import settings_from
        from topicforge.model import TopicModel

        text = TopicModel(preset, **parts, **settings_from(set_ or [])).explain()
        if json:
            print_json(dict(line.split(maxsplit=1) for line in text.splitlines()))
        else:
            print(text)
        return
    rows = fit_table(default_registry())
    if json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table(box=None)
    for column in rows[0]:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*row.values())
    table_console().print(table)
