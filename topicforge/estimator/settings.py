"""From what a user wrote to what runs: preset first, then everything named overrides it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from topicforge.contracts import Context
from topicforge.errors import InputError, OptionError, UnknownNameError, did_you_mean
from topicforge.estimator.ranking import RANKINGS
from topicforge.registry import Registry
from topicforge.training import TrainingOptions, Written, check_regularisers
from topicforge.wiring.composition import PARTS, Composition, compose
from topicforge.wiring.network import Network

DEFAULT_PRESET = "default"
TRAINING = tuple(field.name for field in fields(TrainingOptions))
#: settings of the network itself and their defaults
NETWORK: dict[str, Any] = {
    "n_latent": None,
    "theta_noise": 0.0,
    "topics_from": "one-hot",
    "ranking": "decoder",
    "regularisers": (),
}


@dataclass(frozen=True)
class Settings:
    """Everything a fit needs to know, resolved.

    Args:
        preset: name of the preset that was started from.
        composition: the parts and the rule.
        training: options of the loop.
        n_latent: L, or ``None`` for K.
        theta_noise: see :class:`~topicforge.wiring.network.Network`.
        topics_from: see :class:`~topicforge.wiring.network.Network`.
        regularisers: rules of training as (name, options) and objects, in order.
        ranking: ``decoder`` or ``association``, see :mod:`topicforge.estimator.ranking`.
    """

    preset: str
    composition: Composition
    training: TrainingOptions
    n_latent: int | None
    theta_noise: float
    topics_from: str
    ranking: str
    regularisers: Written = ()


def flatten(read: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Turn settings as a file writes them into TopicModel's parameters.

    ``prior = "gmm"``, ``"prior.n_components" = 50``, or a table ``[prior]`` with ``name`` and options
    become ``prior`` and ``prior__n_components``; lists become tuples, which is what options are.

    Args:
        read: from JSON or TOML.
        where: names the file in an error.

    Raises:
        InputError: one setting twice.
    """
    settings: dict[str, Any] = {}
    for key, value in read.items():
        inside = value if isinstance(value, dict) and key in PARTS else {None: value}
        for option, given in inside.items():
            plain = option is None or (option == "name" and key in PARTS)
            name = key.replace(".", "__", 1) if plain else f"{key}__{option}"
            if name in settings:
                raise InputError(f"{where} gives {name.replace('__', '.')} twice")
            settings[name] = tuples(given)
    return settings


def tuples(value: Any) -> Any:
    """Lists, at any depth, as tuples."""
    return tuple(tuples(item) for item in value) if isinstance(value, list) else value


def resolve(registry: Registry, preset: str | None, explicit: Mapping[str, Any]) -> Settings:
    """Merge a preset with what was named explicitly and check that it fits.

    Options that a preset gives to a part are dropped when another part takes its place.

    Args:
        registry: where names are looked up.
        preset: its name, or ``None`` for the default composition.
        explicit: parts, part options (``prior__concentration``), training and network settings;
            ``None`` means not given.

    Raises:
        UnknownNameError: unknown preset, component, or option.
        OptionError: a value outside its domain.
        MixError: parts that do not fit.
    """
    name = preset or DEFAULT_PRESET
    base = dict(registry.find("preset", name).settings)
    given = {key: value for key, value in explicit.items() if value is not None or "__" in key}
    for kind in PARTS:
        if kind in given and given[kind] != base.get(kind):
            base = {k: v for k, v in base.items() if not k.startswith(f"{kind}__")}
    merged = {**base, **given}
    if "link" not in given and ("encoder" in given or merged.get("link") is None):
        merged = _let_link_follow(registry, merged)
    options: dict[str, dict[str, Any]] = {kind: {} for kind in PARTS}
    for key, value in merged.items():
        part, separator, option = key.partition("__")
        if not separator:
            continue
        if part not in options:
            raise UnknownNameError(
                f"TopicModel: {key!r} must be PART__OPTION with PART one of {', '.join(PARTS)}."
                + did_you_mean(part, PARTS)
            )
        options[part][option] = value
    known = {*PARTS, *TRAINING, *NETWORK}
    for key in merged:
        if "__" not in key and key not in known:
            raise UnknownNameError(
                f"TopicModel: unknown setting {key!r}." + did_you_mean(key, known)
            )
    topics_from = merged.get("topics_from", NETWORK["topics_from"])
    if topics_from not in ("one-hot", "anchors"):
        raise OptionError(
            f"TopicModel: topics_from must be 'one-hot' or 'anchors', got {topics_from!r}"
        )
    if topics_from == "anchors" and "topics_from" not in given and "prior" in given:
        # the preset read its topics from a prior that was replaced
        topics_from = "one-hot" if merged["prior"] != base.get("prior") else topics_from
    ranking = merged.get("ranking", NETWORK["ranking"])
    if ranking not in RANKINGS:
        raise OptionError(
            f"TopicModel: ranking must be one of {', '.join(RANKINGS)}, got {ranking!r}."
            + did_you_mean(ranking, RANKINGS)
        )
    theta_noise = merged.get("theta_noise", NETWORK["theta_noise"])
    if not (isinstance(theta_noise, (int, float)) and 0 <= theta_noise < 1):
        raise OptionError(f"TopicModel: theta_noise must be in [0, 1), got {theta_noise!r}")
    return Settings(
        preset=name,
        composition=compose(registry, {kind: merged.get(kind) for kind in PARTS}, options),
        training=TrainingOptions(**{k: merged[k] for k in TRAINING if k in merged}),
        n_latent=merged.get("n_latent"),
        theta_noise=theta_noise,
        topics_from=topics_from,
        ranking=ranking,
        regularisers=check_regularisers(
            registry, merged.get("regularisers", NETWORK["regularisers"])
        ),
    )


def build_network(settings: Settings, context: Context) -> Network:
    """Build the network that the settings describe."""
    return Network(
        settings.composition,
        context,
        theta_noise=settings.theta_noise,
        topics_from=settings.topics_from,
    )


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
