"""``topicforge edit``: merge, drop, hide, label and reorder the topics of a model folder."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from topicforge.cli.documents import Model
from topicforge.cli.output import emit, note, print_json
from topicforge.cli.tables import print_table


class Action(StrEnum):
    """What is done."""

    list = "list"
    merge = "merge"
    drop = "drop"
    hide = "hide"
    show = "show"
    label = "label"
    reorder = "reorder"
    reduce = "reduce"
    undo = "undo"


def edit(
    model: Model,
    action: Annotated[
        Action,
        typer.Argument(
            metavar="ACTION",
            help="merge, drop, hide, show or reorder with the numbers of topics; label with K=LABEL; reduce "
            "with the number of topics to be left; undo the last edit; list the edits.",
        ),
    ] = Action.list,
    arguments: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TOPIC]...", help="Numbers of topics, or K=LABEL."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print edits and topics as JSON.")] = False,
) -> None:
    """Edit the topics of a model, or list its edits; the weights stay as they are.

    Topics are named by their present numbers, which are the columns of theta. Whatever reads the model
    afterwards has the edited topics. The plugins that the model was built with are not needed.
    """
    from topicforge.estimator.saved import read_topics, save_edits
    from topicforge.results import topic_table
    from topicforge.results.edits import Edits, to_json

    saved = read_topics(model)
    done = list(saved.edits)
    given = arguments or []
    edits = Edits(len(saved.fitted.topic_word), done, lambda: saved.readout.topic_word)
    if action in (Action.list, Action.undo) and given:
        raise typer.BadParameter(f"{action} takes no topics, got {given[0]!r}")
    if action is Action.undo:
        note(f"taken back: {edits.undo()}")
    elif action is Action.label:
        edits.label(dict(_label(text) for text in given))
    elif action is Action.reduce:
        if len(given) != 1:
            raise typer.BadParameter("reduce takes one number, of the topics to be left")
        edits.reduce(_number(given[0]))
    elif action is not Action.list:
        getattr(edits, action)(*map(_number, given))
    if action is not Action.list:
        save_edits(model, done)
        saved = read_topics(model)
    if json:
        table = topic_table(saved.readout.view(saved.vocabulary))
        print_json({"edits": to_json(done), "topics": table.to_dicts()})
    elif action is Action.list:
        for one in done:
            emit(str(one))
        note(f"{model}: {len(done)} edits, topics in terms of the fit")
    else:
        table = topic_table(saved.readout.view(saved.vocabulary))
        print_table(table, ("topic", "label", "share", "size", "words"))


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise typer.BadParameter(f"a topic must be a whole number, got {text!r}")
    return int(text)


def _label(text: str) -> tuple[int, str]:
    topic, equals, label = text.partition("=")
    if not equals:
        raise typer.BadParameter(f"a label must be K=LABEL, such as 3=hockey, got {text!r}")
    return _number(topic), label
