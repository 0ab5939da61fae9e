"""From what a user wrote to what runs: preset first, then everything named overrides it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from topicforge.contracts import Context, PresetSpec
from topicforge.errors import InputError, OptionError, UnknownNameError, did_you_mean
from topicforge.estimator.readout import DECODER
from topicforge.evaluation.rankings import Ranking, check_ranking
from topicforge.registry import Registry, option_defaults
from topicforge.training import TrainingOptions, Written, check_named
from topicforge.training.options import OPTIMISER, PARAMETERS, TRAINING, parameter
from topicforge.wiring.composition import PARTS, Composition, compose
from topicforge.wiring.network import Network

DEFAULT_PRESET = "default"
#: names parts and gives no options
PLAIN_PRESET = "plain"
#: parameters that have options: ``prior__concentration``, ``optimiser__beta1``, ``training__patience``
GROUPS = (*PARTS, "optimiser", "training")
#: parameters beside those of training and the five parts, with their defaults
OTHERS: dict[str, Any] = {"n_latent": None, "ranking": DECODER, "regularisers": ()}


@dataclass(frozen=True)
class Settings:
    """Everything a fit needs to know, resolved.

    Args:
        preset: name of the preset that was started from.
        composition: the parts and the rule.
        training: options of the loop.
        n_latent: L, or ``None`` for K.
        ranking: ``decoder``, a ranking of :mod:`topicforge.evaluation.rankings`, or that and its options.
        regularisers: as (name, options) and objects, in order.
        origins: parameter -> ``given`` or ``preset``, for those that are not at their default.
    """

    preset: str
    composition: Composition
    training: TrainingOptions
    n_latent: int | None
    ranking: Ranking
    regularisers: Written = ()
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)

    def parameters(self) -> dict[str, Any]:
        """TopicModel's parameters in force, every option under its own name."""
        parts = self.composition.parts
        return {
            "preset": self.preset,
            **{kind: part.spec.name for kind, part in parts.items()},
            **{name: getattr(self, name) for name in OTHERS},
            **{parameter(name): value for name, value in asdict(self.training).items()},
            **{
                f"{kind}__{option}": part.options.get(option, default)
                for kind, part in parts.items()
                for option, default in option_defaults(part.spec).items()
            },
        }


def flatten(read: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Turn settings as a file writes them into TopicModel's parameters.

    ``prior = "gmm"``, ``prior = ["gmm", {n_components = 50}]``, ``"prior.n_components" = 50``, or a table
    ``[prior]`` of ``name`` and options become ``prior`` and ``prior__n_components``; so do ``optimiser``
    and the table ``[training]``. Lists become tuples, as options are.

    Args:
        read: from JSON or TOML.
        where: names the file in an error.

    Raises:
        InputError: one setting twice.
        OptionError: options that are no table.
    """
    settings: dict[str, Any] = {}
    for key, value in read.items():
        key = key.replace(".", "__", 1)
        inside = {key: value}
        if key in GROUPS and key != "training" and isinstance(value, Mapping):
            inside = {key if o == "name" else f"{key}__{o}": given for o, given in value.items()}
        for name, given in spread({n: tuples(one) for n, one in inside.items()}).items():
            if name in settings:
                raise InputError(f"{where} gives {name.replace('__', '.')} twice")
            settings[name] = given
    return settings


def tuples(value: Any) -> Any:
    """Lists, at any depth, as tuples."""
    return tuple(tuples(item) for item in value) if isinstance(value, list) else value


def spread(given: Mapping[str, Any]) -> dict[str, Any]:
    """Give every option its own name.

    ``prior=("gmm", {"n_components": 50})`` becomes ``prior="gmm"`` and ``prior__n_components=50``, and
    ``training={"patience": 5}`` becomes ``training__patience=5``. An option that is there under its own
    name already keeps that value.

    Args:
        given: TopicModel's parameters.

    Raises:
        OptionError: ``training`` is no mapping.
    """
    names, options = {}, {}
    for name, value in given.items():
        inside: Mapping[str, Any] = {}
        if name == "training":
            if value is not None and not isinstance(value, Mapping):
                raise OptionError(
                    f"TopicModel: training must be a mapping of settings, such as {{'patience': 5}}, got "
                    f"{value!r}"
                )
            inside = value or {}
        else:
            pair = isinstance(value, tuple | list) and len(value) == 2
            if name in GROUPS and pair and isinstance(value[1], Mapping):
                value, inside = value
            names[name] = value
        options.update({f"{name}__{option}": one for option, one in inside.items()})
    return {**options, **names}


def starting_preset(preset: str | None, explicit: Mapping[str, Any]) -> str:
    """Return the preset to start from: the named one, or the default composition.

    Where parts are named and no preset is, it is ``plain``, which gives no options: so that mixes of parts
    are compared at their own defaults, and none keeps what the default preset says of its own parts.

    Args:
        preset: what was asked for.
        explicit: TopicModel's parameters, or names of parameters that take several values.
    """
    parts = any(explicit.get(kind) is not None for kind in PARTS)
    return preset or (PLAIN_PRESET if parts else DEFAULT_PRESET)


def resolve(
    registry: Registry, preset: str | PresetSpec | None, explicit: Mapping[str, Any]
) -> Settings:
    """Merge a preset with what was named explicitly and check that it fits.

    Options that a preset gives to a part are dropped when another part takes its place. Without a preset,
    naming a part starts from no preset's options: see :func:`starting_preset`.

    Args:
        registry: where names are looked up.
        preset: its name, ``None`` for the one to start from, or a preset that is not registered.
        explicit: TopicModel's parameters; ``None`` means not given.

    Raises:
        UnknownNameError: unknown preset, component, or option.
        OptionError: a value outside its domain.
        MixError: parts that do not fit.
    """
    spec = (
        preset
        if isinstance(preset, PresetSpec)
        else registry.find("preset", starting_preset(preset, explicit))
    )
    named = spread(spec.settings)
    base = {"optimiser": TrainingOptions.optimiser, **named}
    given = {k: v for k, v in spread(explicit).items() if v is not None or "__" in k}
    for group in (*PARTS, "optimiser"):
        if group in given and given[group] != base.get(group):
            base = {k: v for k, v in base.items() if not k.startswith(f"{group}__")}
    merged = {**base, **given}
    if "link" not in given and ("encoder" in given or merged.get("link") is None):
        merged = _let_link_follow(registry, merged)
    options: dict[str, dict[str, Any]] = {group: {} for group in GROUPS}
    plain: dict[str, Any] = {}
    for key, value in merged.items():
        group, separator, option = key.partition("__")
        if not separator:
            plain[key] = value
        elif group in options:
            options[group][option] = value
        else:
            raise UnknownNameError(
                f"TopicModel: {key!r} must be GROUP__OPTION with GROUP one of {', '.join(GROUPS)}."
                + did_you_mean(group, GROUPS)
            )
    known = (*PARTS, *PARAMETERS, *OTHERS)
    for key in plain:
        if key not in known:
            raise UnknownNameError(
                f"TopicModel: unknown setting {key!r}." + did_you_mean(key, known)
            )
    for group, names in (("optimiser", OPTIMISER), ("training", TRAINING)):
        for option in options[group]:
            if option not in names:
                raise UnknownNameError(
                    f"TopicModel: {group} has no option {option!r}.{did_you_mean(option, names)} It has "
                    f"{', '.join(names)}."
                )
    ranking = plain.get("ranking", OTHERS["ranking"])
    check_ranking(ranking, "TopicModel", (DECODER,))
    chosen = {name: value for name, value in plain.items() if name in PARAMETERS}
    return Settings(
        preset=preset if isinstance(preset, str) else spec.name,
        composition=compose(registry, {kind: merged.get(kind) for kind in PARTS}, options),
        training=TrainingOptions(**chosen, **options["optimiser"], **options["training"]),
        n_latent=plain.get("n_latent"),
        ranking=ranking,
        regularisers=check_named(registry, "regulariser", plain.get("regularisers", ())),
        origins={
            key: "given" if key in given else "preset" for key in merged if key in {*given, *named}
        },
    )


def build_network(settings: Settings, context: Context) -> Network:
    """Build the network that the settings describe."""
    return Network(settings.composition, context)


def _let_link_follow(registry: Registry, merged: Mapping[str, Any]) -> dict[str, Any]:
    """Drop the preset's link where the encoder now gives a posterior that it can't take."""
    kept = dict(merged)
    link = kept.get("link")
    if link is not None:
        accepts = getattr(registry.find("link", link).factory, "accepts", "z")
        encoder = kept.get("encoder")
        spec = registry.find("encoder", encoder) if isinstance(encoder, str) else encoder
        declared = getattr(getattr(spec, "factory", spec), "latent", None)
        if declared is None or declared.space == accepts:
            return kept
    return {k: v for k, v in kept.items() if k != "link" and not k.startswith("link__")}
