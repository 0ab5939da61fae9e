"""Checks of regularisers: what a rule of training returns, and how a fit with it ends."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from topicforge.contracts import ComponentSpec, Progress, Regulariser
from topicforge.errors import MixError
from topicforge.estimator.topic_model import TopicModel
from topicforge.testing.probe import require_finite, require_shape, toy_part
from topicforge.testing.specs import title_of
from topicforge.testing.suite import CheckError, check_for, raising_nothing, require
from topicforge.testing.toys import N_TOPICS, toy_counts, toy_z
from topicforge.wiring.network import Network

_EPOCHS = 8
#: half epochs from the first step to the end
_RUN = tuple(Progress(step / 2, _EPOCHS) for step in range(2 * _EPOCHS + 1))
_PARTS = ("encoder", "link", "prior", "decoder")
#: decoders that a rule may need, one after the other
_COMPOSITIONS = (
    {"decoder": "mixture"},
    {"decoder": "embedding", "decoder__width": 6},
    {"decoder": "product"},
    {"decoder": "mlp"},
)


def _fit(spec: ComponentSpec, rule: Regulariser, epochs: int) -> TopicModel:
    """A small model with the rule, in the first composition of the built-ins that it does not refuse.

    Raises:
        CheckError: it refuses all of them, or raises something else.
    """
    refusal = ""
    for composition in _COMPOSITIONS:
        model = TopicModel(
            encoder="mlp", encoder__hidden=(16,), prior="gaussian", divergence="kl",
            n_topics=N_TOPICS, epochs=epochs, batch_size=16, device="cpu", regularisers=[rule], **composition,
        )  # fmt: skip
        with raising_nothing(
            title_of(spec), "a fit with it", "it must train, and more than once",
            "see the traceback above; set the state of a fit anew in start()",
        ):  # fmt: skip
            try:
                return model.fit(toy_counts())
            except MixError as error:
                refusal = str(error)
    raise CheckError(
        f"{title_of(spec)}: refuses every built-in decoder (the last time: {refusal}), but it must be "
        "usable. To correct it: raise MixError in start() only where the network lacks what it needs."
    )


def _started(spec: ComponentSpec) -> tuple[Regulariser, Network]:
    """The rule with defaults, started on a network that it accepts."""
    rule: Regulariser = toy_part(spec)
    return rule, _fit(spec, rule, 1).network_


@check_for("regulariser")
def check_regulariser_weights(spec: ComponentSpec) -> None:
    """``divergence_weight`` is finite and not negative at every place of a run; ``rising`` is a bool.

    At half epochs from 0.0 to the end of eight, and for a run of no epochs.
    """
    what, (rule, _) = title_of(spec), _started(spec)
    for now in (*_RUN, Progress(0.0, 0)):
        weight, rising = rule.divergence_weight(now), rule.rising(now)
        require(
            isinstance(weight, int | float) and math.isfinite(weight) and weight >= 0, what,
            f"divergence_weight at epoch {now.epoch} of {now.epochs} is {weight!r}",
            "it must be a finite number >= 0", "bound it with min and max; mind a run of no epochs",
        )  # fmt: skip
        require(
            isinstance(rising, bool), what, f"rising at epoch {now.epoch} is {rising!r}",
            "it must be True or False", "return a comparison",
        )  # fmt: skip


@check_for("regulariser")
def check_regulariser_divergence(spec: ComponentSpec) -> None:
    """``divergence`` makes a finite scalar from a scalar, and its gradient is finite: at 0, 0.1, 10."""
    what, (rule, _) = title_of(spec), _started(spec)
    for size in (0.0, 0.1, 10.0):
        value = torch.tensor(size, requires_grad=True)
        _require_scalar(what, f"divergence of {size}", rule.divergence(value), [value])


@check_for("regulariser")
def check_regulariser_penalty(spec: ComponentSpec) -> None:
    """``penalty`` is ``None`` or a finite scalar with finite gradients, all through a run."""
    what, (rule, network) = title_of(spec), _started(spec)
    moving = [p for p in network.parameters() if p.requires_grad]
    for now in _RUN:
        value = rule.penalty(network, now)
        if value is not None:
            _require_scalar(what, f"penalty at epoch {now.epoch}", value, moving)


@check_for("regulariser")
def check_regulariser_latent(spec: ComponentSpec) -> None:
    """``latent`` keeps shape, dtype and device, is finite, and leaves the sample as it was.

    For float32 and float64 and for batches of 6, 1 and 0: the divergence still reads the sample.
    """
    what, (rule, _) = title_of(spec), _started(spec)
    for dtype in (torch.float32, torch.float64):
        for n in (6, 1, 0):
            z = toy_z(n, N_TOPICS, dtype)
            before = z.clone()
            came = rule.latent(z)
            require(
                (came.shape, came.dtype, came.device) == (z.shape, z.dtype, z.device), what,
                f"latent of {tuple(z.shape)} {z.dtype} gave {tuple(came.shape)} {came.dtype} on "
                f"{came.device}", "shape, dtype and device must stay",
                "make new tensors with z.new_zeros or torch.randn_like(z)",
            )  # fmt: skip
            require_finite(what, "latent", came, "look for a division by a batch's own size")
            require(
                torch.equal(z, before), what, "latent changed the sample in place",
                "the divergence reads it too", "leave out operations that end in an underscore",
            )  # fmt: skip


@check_for("regulariser")
def check_regulariser_trains(spec: ComponentSpec) -> None:
    """``trains`` answers True or False for each of the four parts, in every epoch."""
    what, (rule, _) = title_of(spec), _started(spec)
    for epoch in range(_EPOCHS):
        for part in _PARTS:
            answer = rule.trains(part, Progress(epoch, _EPOCHS))
            require(
                isinstance(answer, bool), what, f"trains({part!r}, {epoch}) is {answer!r}",
                "it must be True or False", "return a comparison",
            )  # fmt: skip


@check_for("regulariser")
def check_regulariser_fit(spec: ComponentSpec) -> None:
    """A fit with the rule has finite losses, ends with finite parameters, and repeats bit for bit.

    The second fit is with the very same object: the state of one fit must not change the
    next. All randomness is torch's global generator's.
    """
    what, rule = title_of(spec), toy_part(spec)
    first, second = _fit(spec, rule, 3), _fit(spec, rule, 3)
    losses = [report.loss for report in first.history_]
    mine, again = first.network_.state_dict(), second.network_.state_dict()
    require(
        all(map(math.isfinite, losses)) and all(bool(v.isfinite().all()) for v in mine.values()),
        what, f"the losses of a fit with it are {losses}, or a parameter is not finite",
        "all must be finite", "look for log of zero, division by zero and overflow of exp",
    )  # fmt: skip
    other = [name for name, value in mine.items() if not torch.equal(value, again[name])]
    require(
        not other, what, f"the same fit with the same object ends with other {', '.join(other[:3])}",
        "a fit repeats", "set its state anew in start(), and draw with torch's global generator",
    )  # fmt: skip


def _require_scalar(what: str, of: str, value: Tensor, inputs: Sequence[Tensor]) -> None:
    change = "reduce it to one number, and guard log and division at zero"
    require_shape(what, of, value, (), change)
    require_finite(what, of, value, change)
    if not value.requires_grad:
        return
    gradients = torch.autograd.grad(value, inputs, allow_unused=True)
    require(
        all(g is None or bool(torch.isfinite(g).all()) for g in gradients), what,
        f"the gradient of {of} is not finite", "the optimiser would spread it",
        "guard square roots and divisions at zero",
    )  # fmt: skip
