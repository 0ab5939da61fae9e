"""Checks of a component inside a model: it trains, it is saved, it is opened."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from topicforge.contracts import ComponentSpec
from topicforge.estimator.topic_model import load
from topicforge.registry import default_registry
from topicforge.testing.compositions import features_for, partners, toy_fit
from topicforge.testing.specs import title_of
from topicforge.testing.suite import check_for, raising_nothing, require
from topicforge.testing.toys import toy_counts


@check_for("encoder", "link", "prior", "divergence", "decoder")
def check_trains_in_a_mix(spec: ComponentSpec) -> None:
    """With partners that fit it, the component trains: finite losses, theta on the simplex.

    Partners are components of its own package, then the built-ins. Word distributions sum to one.
    """
    what, composition = title_of(spec), partners(spec)
    name = " x ".join(part.spec.name for part in composition.parts.values())
    must = "a composition that is not refused must train"
    with raising_nothing(what, f"training {name}", must, "see the traceback above"):
        model = toy_fit(composition, epochs=2)
        theta = model.transform(toy_counts(), features=features_for(composition))
    losses = [report.loss for report in model.history_]
    require(
        all(map(math.isfinite, losses)), what, f"the losses of {name} are {losses}",
        "they must be finite", "look for log of zero, division by zero and overflow of exp",
    )  # fmt: skip
    for rows_of, rows in (("theta", theta), ("topic_word", model.topic_word_)):
        # float32 sums of at most 30 shares: a few units in the last place
        off = float(np.abs(rows.sum(1) - 1).max())
        require(
            off < 1e-4 and float(rows.min()) >= 0, what,
            f"rows of {rows_of} of {name} sum to one up to {off:.2g}, smallest entry {rows.min():.2g}",
            "they must be proportions", "end with softmax, or divide by the sum",
        )  # fmt: skip


@check_for("encoder", "link", "prior", "divergence", "decoder")
def check_saves_and_loads(spec: ComponentSpec) -> None:
    """A model with the component is saved, opened from its name and options, and computes the same.

    Nothing but parameters, buffers and options goes into the folder; opening it must neither read
    files nor need the corpus.
    """
    what, composition = title_of(spec), partners(spec)
    with raising_nothing(
        what, "fitting, saving or opening", "a fitted model must come back from its folder",
        "let options be numbers, texts or tuples of them; shapes that come from a file go into "
        "saved_options",
    ), tempfile.TemporaryDirectory() as folder:  # fmt: skip
        model = toy_fit(composition, epochs=1)
        before = model.transform(toy_counts(), features=features_for(composition))
        model.save(Path(folder) / "model")
        registered = spec in default_registry().specs(spec.kind)
        parts: dict[str, Any] = {} if registered else {spec.kind: spec}
        opened = load(Path(folder) / "model", parts=parts, device="cpu")
        after = opened.transform(toy_counts(), features=features_for(composition))
    theta = float(np.abs(before - after).max())
    topics = float(np.abs(model.topic_word_ - opened.topic_word_).max())
    require(
        theta == 0 and topics == 0, what,
        f"after saving and opening, theta differs by {theta:.2g} and topic_word by {topics:.2g}",
        "they must be the same", "keep all state in parameters and buffers, and return from "
        "saved_options what rebuilds the component",
    )  # fmt: skip
