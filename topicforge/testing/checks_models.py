"""Checks of a component inside a model: it trains, it is saved, it is opened."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path

import numpy as np

from topicforge.contracts import ComponentSpec
from topicforge.errors import UnknownNameError
from topicforge.estimator.topic_model import load
from topicforge.registry import default_registry
from topicforge.testing.catalogue import check_for
from topicforge.testing.failure import CheckError, require
from topicforge.testing.mixes import partners, reads_features, toy_fit
from topicforge.testing.subject import title_of
from topicforge.testing.toys import toy_counts, toy_features


@check_for("encoder", "link", "prior", "divergence", "decoder")
def check_trains_in_a_mix(spec: ComponentSpec) -> None:
    """With partners that fit it, the component trains: finite losses, theta on the simplex.

    Partners are looked for in its own package, among the built-ins, then among all that is
    installed. Word distributions sum to one.
    """
    parts = partners(spec)
    mix = " x ".join(part.name for part in parts.values())
    try:
        model = toy_fit(parts)
        features = toy_features() if reads_features(parts) else None
        theta = model.transform(toy_counts(), features=features)
    except Exception as error:
        raise CheckError(
            f"{title_of(spec)}: training {mix} raised {type(error).__name__}: {error}, but a mix that "
            "is not refused must train. To mend it: see the traceback above."
        ) from error
    losses = [report.loss for report in model.history_]
    require(
        all(map(math.isfinite, losses)), title_of(spec), f"the losses of {mix} are {losses}",
        "they must be finite", "look for log of zero, division by zero and overflow of exp",
    )  # fmt: skip
    for name, rows in (("theta", theta), ("topic_word", model.topic_word_)):
        # float32 sums of at most 30 shares: a few units in the last place
        off = float(np.abs(rows.sum(1) - 1).max())
        require(
            off < 1e-4 and float(rows.min()) >= 0, title_of(spec),
            f"rows of {name} of {mix} are off one by {off:.2g}, smallest entry {rows.min():.2g}",
            "they must be proportions", "end with softmax, or divide by the sum",
        )  # fmt: skip


@check_for("encoder", "link", "prior", "divergence", "decoder")
def check_saves_and_loads(spec: ComponentSpec) -> None:
    """A model with the component is saved, opened from its name and options, and says the same.

    Nothing but parameters, buffers and options goes into the folder; opening it must neither read
    files nor need the corpus.
    """
    parts = partners(spec)
    try:
        model = toy_fit(parts, epochs=1)
        features = toy_features() if reads_features(parts) else None
        before = model.transform(toy_counts(), features=features)
        with tempfile.TemporaryDirectory() as folder:
            model.save(Path(folder) / "model")
            opened = load(
                Path(folder) / "model", parts=_unregistered(parts[spec.kind]), device="cpu"
            )
        after = opened.transform(toy_counts(), features=features)
    except Exception as error:
        raise CheckError(
            f"{title_of(spec)}: fitting, saving or opening raised {type(error).__name__}: {error}, "
            "but a fitted model must come back from its folder. To mend it: options must be numbers, "
            "texts or tuples of them; shapes that come from a file go into saved_options."
        ) from error
    gap = float(np.abs(before - after).max())
    topics = float(np.abs(model.topic_word_ - opened.topic_word_).max())
    require(
        gap == 0 and topics == 0, title_of(spec),
        f"after saving and opening, theta differs by {gap:.2g} and topic_word by {topics:.2g}",
        "they must be the same", "keep all state in parameters and buffers, and answer in "
        "saved_options with what rebuilds the component",
    )  # fmt: skip


def _unregistered(spec: ComponentSpec) -> dict[str, ComponentSpec]:
    """The spec itself where no plugin brings it under its name, as the parts that load takes."""
    try:
        known = default_registry().find(spec.kind, spec.qualified_name)
    except UnknownNameError:
        return {spec.kind: spec}
    own = getattr(spec.factory, "factory", spec.factory)
    return {} if known.factory is own else {spec.kind: spec}
