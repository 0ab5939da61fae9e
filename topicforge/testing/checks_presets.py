"""Checks of presets: the named composition fits and trains."""

from __future__ import annotations

import math
from typing import Any

from topicforge.contracts import PresetSpec
from topicforge.errors import TopicForgeError
from topicforge.estimator.settings import resolve
from topicforge.estimator.topic_model import TopicModel
from topicforge.registry import default_registry
from topicforge.testing.catalogue import check_for
from topicforge.testing.failure import CheckError, require
from topicforge.testing.subject import title_of
from topicforge.testing.toys import N_TOPICS, toy_counts, toy_features
from topicforge.wiring.composition import PARTS


@check_for("preset")
def check_preset_fits(spec: PresetSpec) -> None:
    """The preset names its parts (the link may follow); all are installed, known, and fit together."""
    missing = [kind for kind in PARTS if kind != "link" and kind not in spec.settings]
    require(
        not missing, title_of(spec), f"names no {', no '.join(missing)}",
        "a preset is a whole composition", "name encoder, prior, divergence and decoder",
    )  # fmt: skip
    try:
        resolve(default_registry(), spec, {})
    except TopicForgeError as error:
        raise CheckError(
            f"{title_of(spec)}: {error}, but a preset must work as it stands. To mend it: name "
            "settings as TopicModel does, options as prior__concentration, and depend on the "
            "packages whose parts it names."
        ) from error


@check_for("preset")
def check_preset_trains(spec: PresetSpec) -> None:
    """Two epochs of it on toy documents give finite losses and theta on the simplex.

    Long settings are cut short: two epochs, one of pretraining at most, 16 documents per step, no
    more mixture components than topics.
    """
    settings = resolve(default_registry(), spec, {})
    given: dict[str, Any] = {"n_topics": N_TOPICS, "epochs": 2, "batch_size": 16, "device": "cpu"}
    if settings.training.pretrain_epochs:
        given["training__pretrain_epochs"] = 1
    model = TopicModel(spec, **given)
    reads = getattr(settings.composition.encoder.spec.factory, "reads_features", False)
    features = toy_features() if reads else None
    try:
        theta = model.fit_transform(toy_counts(), features=features)
    except Exception as error:
        raise CheckError(
            f"{title_of(spec)}: training raised {type(error).__name__}: {error}, but a preset must "
            "train as it stands. To mend it: see the traceback above."
        ) from error
    losses = [report.loss for report in model.history_]
    # float32 sums of four shares
    off = float(abs(theta.sum(1) - 1).max())
    require(
        all(map(math.isfinite, losses)) and off < 1e-5, title_of(spec),
        f"its losses are {losses}, and rows of theta are off one by {off:.2g}",
        "losses are finite and theta lies on the simplex", "check its parts one by one",
    )  # fmt: skip
