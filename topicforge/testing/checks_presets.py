"""Checks of presets: the named composition fits and trains."""

from __future__ import annotations

import math
from typing import Any

from topicforge.contracts import PresetSpec
from topicforge.estimator.settings import resolve
from topicforge.estimator.topic_model import TopicModel
from topicforge.registry import default_registry
from topicforge.testing.compositions import features_for
from topicforge.testing.specs import title_of
from topicforge.testing.suite import check_for, raising_nothing, require
from topicforge.testing.toys import N_TOPICS, toy_counts
from topicforge.wiring.composition import PARTS


@check_for("preset")
def check_preset_fits(spec: PresetSpec) -> None:
    """The preset names its parts (the link may follow); all are installed, known, and fit together."""
    missing = [kind for kind in PARTS if kind != "link" and kind not in spec.settings]
    require(
        not missing, title_of(spec), f"names no {', no '.join(missing)}",
        "a preset is a whole composition", "name encoder, prior, divergence and decoder",
    )  # fmt: skip
    with raising_nothing(
        title_of(spec), "resolving it", "a preset must work as it stands",
        "name settings as TopicModel does, options as prior__concentration, and parts of topicforge "
        "or of this package",
    ):  # fmt: skip
        resolve(default_registry(), spec, {})


@check_for("preset")
def check_preset_trains(spec: PresetSpec) -> None:
    """Two epochs of it on toy documents give finite losses and theta on the simplex.

    Long settings are cut short: two epochs, at most one of pretraining, 16 documents per step.
    """
    settings = resolve(default_registry(), spec, {})
    given: dict[str, Any] = {"n_topics": N_TOPICS, "epochs": 2, "batch_size": 16, "device": "cpu"}
    if settings.training.pretrain_epochs:
        given["training__pretrain_epochs"] = 1
    model = TopicModel(spec, **given)  # type: ignore[arg-type]
    must = "a preset must train as it stands"
    with raising_nothing(title_of(spec), "training", must, "see the traceback above"):
        features = features_for(settings.composition)
        theta = model.fit_transform(toy_counts(), features=features)
    losses = [report.loss for report in model.history_]
    # float32 sums of four shares
    off = float(abs(theta.sum(1) - 1).max())
    require(
        all(map(math.isfinite, losses)) and off < 1e-5, title_of(spec),
        f"its losses are {losses}, and rows of theta sum to one up to {off:.2g}",
        "losses are finite and theta lies on the simplex", "check its parts one by one",
    )  # fmt: skip
