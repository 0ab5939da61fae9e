"""``topicforge explain``: what fits with what, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from topicforge.cli import settings
from topicforge.cli.named import RegulariserNames, read_regularisers
from topicforge.cli.output import emit, new_table, note, print_json, print_tables


def explain(
    preset: settings.Preset = None,
    encoder: settings.Encoder = None,
    link: settings.Link = None,
    prior: settings.Prior = None,
    divergence: settings.Divergence = None,
    decoder: settings.Decoder = None,
    optimiser: settings.Optimiser = None,
    regularisers: RegulariserNames = None,
    set_: settings.Assignments = None,
    config: settings.Config = None,
    json: Annotated[bool, typer.Option("--json", help="Print the same as JSON.")] = False,
) -> None:
    """Show which parts fit together, or everything about one composition.

    Without options: a table of every encoder and prior, and what each divergence does with them. With
    options: the parts of this composition, every option with its value, where the value comes from, and
    what it means. A composition whose parts do not fit exits with 2 and says what works instead.
    """
    parts = {
        "preset": preset, "encoder": encoder, "link": link, "prior": prior,
        "divergence": divergence, "decoder": decoder, "optimiser": optimiser,
        "regularisers": read_regularisers(regularisers),
    }  # fmt: skip
    if set_ or config or any(value is not None for value in parts.values()):
        model = settings.build_model(parts, set_, config)
        if json:
            print_json(model.explanation())
        else:
            emit(model.explain())
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
    note("More about one composition: topicforge explain --encoder mlp-point --divergence kl")
