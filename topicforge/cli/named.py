"""``NAME:option=value,option=value``: a plugin's part and its options in one argument."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any

import typer

_WORDS = {"true": True, "false": False, "none": None}
#: what begins the next option; a comma before anything else belongs to the value
_NEXT = re.compile(r",(?=\s*[A-Za-z_][\w-]*=)")

Callbacks = Annotated[
    list[str] | None,
    typer.Option(
        "--callback",
        metavar="NAME[:OPTION=VALUE,...]",
        help="A callback of an installed plugin (topicforge plugins lists them), with its options. VALUE "
        "is JSON or plain text. Repeatable.",
        rich_help_panel="Settings",
    ),
]

RegulariserNames = Annotated[
    list[str] | None,
    typer.Option(
        "--regulariser",
        metavar="NAME[:OPTION=VALUE,...]",
        help="A regulariser instead of the preset's, such as warm-up:epochs=30; topicforge plugins lists "
        "them. Repeatable; the name none turns all of them off.",
        rich_help_panel="Settings",
    ),
]

RankingName = Annotated[
    str | None,
    typer.Option(
        "--ranking",
        metavar="NAME[:OPTION=VALUE,...]",
        help="The order of a topic's words: probability, association, frex, relevance, lift, or decoder for "
        "the decoder's own scores; relevance:lambda_=0.6 and frex:weight=0.5 have an option.",
        show_default="the model's",
    ),
]


def read_ranking(argument: str | None) -> str | tuple[str, Any] | None:
    """Return what ``TopicModel.topics`` takes; ``None`` where nothing was said."""
    return None if argument is None else read_named([argument], "--ranking")[0]


def read_regularisers(arguments: Sequence[str] | None) -> list[str | tuple[str, Any]] | None:
    """Return what TopicModel takes: ``None`` where nothing was said, an empty list for ``none``."""
    if not arguments:
        return None
    return [] if list(arguments) == ["none"] else read_named(arguments, "--regulariser")


def read_named(arguments: Sequence[str] | None, option: str) -> list[str | tuple[str, Any]]:
    """Read names with their options.

    ``stop-at:loss=90`` is ``("stop-at", {"loss": 90})``; a name may have its package before it,
    ``my-package:stop-at:loss=90``. Values are JSON, lists as tuples, else plain text; ``true``,
    ``false`` and ``none`` count in any case.

    Args:
        arguments: one text a part.
        option: the option they were given to, for messages.

    Returns:
        names, and (name, options) where there are options.

    Raises:
        typer.BadParameter: no name, an option without a name, or one twice.
    """
    return [_read(text, option) for text in arguments or ()]


def _read(text: str, option: str) -> str | tuple[str, Any]:
    head, equals, rest = text.partition("=")
    if not equals:
        if not text.strip() or text.endswith(":"):
            raise typer.BadParameter(f"{option} must be NAME or NAME:OPTION=VALUE, got {text!r}")
        return text.strip()
    name, colon, first = head.rpartition(":")
    if not (colon and name.strip()):
        raise typer.BadParameter(f"{option} must be NAME:OPTION=VALUE, got {text!r}")
    options: dict[str, Any] = {}
    key = first
    while True:
        value, end = _value(rest)
        key = key.strip().replace("-", "_")
        if not key.isidentifier() or key in options:
            wrong = "was given twice" if key in options else "is no name of an option"
            raise typer.BadParameter(f"{option} {name}: {key!r} {wrong}, in {text!r}")
        options[key] = value
        if end >= len(rest):
            return name.strip(), options
        key, _, rest = rest[end + 1 :].partition("=")


def _value(rest: str) -> tuple[Any, int]:
    """The value at the start of a text, and where the comma after it stands."""
    try:
        value, end = json.JSONDecoder().raw_decode(rest)
    except json.JSONDecodeError:
        pass
    else:
        if end == len(rest) or _NEXT.match(rest, end):
            return _tuples(value), end
    following = _NEXT.search(rest)
    end = following.start() if following else len(rest)
    plain = rest[:end]
    return _WORDS.get(plain.strip().lower(), plain), end


def _tuples(value: Any) -> Any:
    """Lists as the tuples that options are."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
