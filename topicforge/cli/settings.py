"""From options, ``--set`` and a settings file to a TopicModel."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from topicforge.cli.named import read_named
from topicforge.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from topicforge.estimator.topic_model import TopicModel

#: parameters of TopicModel that have no meaning on the command line
_NOT_HERE = ("vectorizer", "vocabulary", "callbacks", "verbose", "training")
_WORDS = {"true": True, "false": False, "none": None}

_MIX, _SETTINGS = "Composition", "Settings"
Preset = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The named composition to start from.",
        show_default="default; plain, which gives no options, where a part is named",
        rich_help_panel=_MIX,
    ),
]


def _part(does: str) -> Any:
    return typer.Option(
        metavar="NAME[:OPTION=VALUE,...]",
        help=f"{does} Default: the preset's.",
        show_default=False,
        rich_help_panel=_MIX,
    )


Encoder = Annotated[str | None, _part("Maps the counts of a document to a posterior.")]
Link = Annotated[str | None, _part("Maps the latent z to topic proportions theta.")]
Prior = Annotated[str | None, _part("The distribution that the posterior is held to.")]
Divergence = Annotated[str | None, _part("Measures how far the posterior is from the prior.")]
Decoder = Annotated[str | None, _part("Maps theta to probabilities of words.")]
Optimiser = Annotated[
    str | None,
    typer.Option(
        metavar="NAME[:OPTION=VALUE,...]",
        help="adam, with the options beta1, eps, weight_decay and gradient_clip.",
        show_default="the preset's",
        rich_help_panel=_SETTINGS,
    ),
]
Assignments = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any other setting: an option of a part (prior.n_components=50) or of the optimiser "
        "(optimiser.beta1=0.99), a setting of training (training.patience=5). VALUE is JSON or plain "
        "text. Repeatable.",
        rich_help_panel=_MIX,
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        metavar="FILE",
        help="A .json or .toml file with the same settings; options on the command line override it.",
        rich_help_panel=_MIX,
    ),
]


def build_model(
    given: Mapping[str, Any],
    assignments: Sequence[str] | None,
    config: Path | None,
    **defaults: Any,
) -> TopicModel:
    """Return the TopicModel that the options describe, and check that its parts fit.

    Args:
        given: values of options by parameter name, ``None`` where not given.
        assignments: of ``--set``.
        config: of ``--config``.
        **defaults: what holds where nothing else is said.

    Raises:
        typer.BadParameter: an option given twice, or badly written.
        UnknownNameError: no such setting, component or option; the nearest is named.
        MixError: parts that don't fit.
        InputError: the settings file can't be read.
    """
    from topicforge.estimator.names import unknown_parameter
    from topicforge.estimator.settings import GROUPS, spread
    from topicforge.estimator.topic_model import TopicModel

    options = {name: value for name, value in given.items() if value is not None}
    for name in set(options) & set(GROUPS):
        options[name] = read_named([options[name]], f"--{name}")[0]
    options = spread(options)
    settings = spread(read_assignments(assignments or ()))
    for name in settings:
        if name in options:
            raise typer.BadParameter(f"--set {name}: was given as an option of its own, too")
    merged = {**defaults, **({} if config is None else read_config(config)), **options, **settings}
    known = [name for name in TopicModel._get_param_names() if name not in _NOT_HERE]
    for name in merged:
        group, separator, _ = name.partition("__")
        if name not in known and not (separator and group in GROUPS):
            said = unknown_parameter(name, known, "there is no setting")
            raise UnknownNameError(said.replace("__", "."))
    model = TopicModel(**merged)
    model.explain()  # what does not fit is said before any data is read
    return model


def read_assignments(assignments: Sequence[str]) -> dict[str, Any]:
    """Read ``part.option=value`` and ``setting=value``; values are JSON, else plain text.

    JSON lists become tuples; ``true``, ``false`` and ``none`` count in any case.

    Raises:
        typer.BadParameter: no ``=``, no name, or a name twice.
    """
    from topicforge.estimator.settings import tuples

    settings: dict[str, Any] = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        name = name.strip().replace(".", "__", 1).replace("-", "_")
        if not (equals and name.isidentifier()):
            raise typer.BadParameter(f"--set must be NAME=VALUE, got {text!r}")
        if name in settings:
            raise typer.BadParameter(f"--set {name.replace('__', '.')}: was given twice")
        try:
            read = json.loads(value)
        except json.JSONDecodeError:
            read = _WORDS.get(value.strip().lower(), value)
        settings[name] = tuples(read)
    return settings


def read_config(path: Path) -> dict[str, Any]:
    """Read settings from a file.

    ``prior = "gmm"``, ``"prior.n_components" = 50``, or a table ``[prior]`` with ``name`` and options.

    Raises:
        InputError: unreadable, or neither JSON nor TOML, or not a table of settings.
    """
    import tomllib

    from topicforge.estimator.settings import flatten

    try:
        text = path.read_text(encoding="utf-8")
        read = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        kind = "TOML" if path.suffix == ".toml" else "JSON"
        raise InputError(f"--config: {path} can't be read as {kind}: {error}") from error
    if not isinstance(read, dict):
        raise InputError(
            f"--config: {path} must hold settings by name, got a {type(read).__name__}"
        )
    return flatten(read, f"--config: {path}")
