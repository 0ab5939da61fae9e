"""Checks of callbacks: they observe and may stop, and change no mathematics."""

from __future__ import annotations

import contextlib
import io
import tempfile
from dataclasses import replace
from typing import Any

import torch
from torch.nn.functional import dropout

from topicforge.contracts import Batch, Callback, ComponentSpec
from topicforge.distributions import DiagonalNormal
from topicforge.estimator.topic_model import TopicModel
from topicforge.parts.encoders import MlpEncoder
from topicforge.testing.probe import toy_part
from topicforge.testing.specs import title_of
from topicforge.testing.suite import check_for, raising_nothing, require
from topicforge.testing.toys import N_TOPICS, toy_counts


class _RandomCounts(MlpEncoder):
    """Draws from torch's global generator, as a third party's part may: a callback must not."""

    def forward(self, batch: Batch) -> DiagonalNormal:
        return super().forward(replace(batch, count=dropout(batch.count, 0.2, self.training)))


def _fit(callback: Callback | None, epochs: int, method: str = "fit") -> TopicModel:
    """A small model, in a folder of its own for what the callback writes, and without its prints."""
    model = TopicModel(
        encoder=_RandomCounts, encoder__hidden=(16,), n_topics=N_TOPICS, epochs=epochs, batch_size=16,
        device="cpu", callbacks=[] if callback is None else [callback],
    )  # fmt: skip
    quiet = contextlib.redirect_stdout(io.StringIO())
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder), quiet:
        getattr(model, method)(toy_counts())
    return model


@check_for("callback")
def check_callback_changes_nothing(spec: ComponentSpec) -> None:
    """A fit with the callback gives, bit for bit, the parameters of the same fit without it.

    A callback draws no random numbers from torch's generator and writes to no parameter. One that
    stops early is compared with a fit of as many epochs as it let run.
    """
    what = title_of(spec)
    must = "a callback must let training end"
    with raising_nothing(what, "a fit with it", must, "see the traceback above"):
        watched = _fit(toy_part(spec), 3)
    plain = _fit(None, len(watched.history_))
    mine, other = watched.network_.state_dict(), plain.network_.state_dict()
    changed = [name for name, value in other.items() if not torch.equal(value, mine[name])]
    require(
        not changed, what, f"a fit with it ends with other values of {', '.join(changed[:3])}",
        "a callback changes no mathematics", "watch only; draw from a generator of your own",
    )  # fmt: skip


@check_for("callback")
def check_callback_can_be_used_again(spec: ComponentSpec) -> None:
    """One object can be used in several fits, and in ``partial_fit``, which calls no ``on_fit_start``.

    The state of one fit must not stop or break the next.
    """
    what = title_of(spec)
    callback: Callback = toy_part(spec)
    must, change = "it must be usable again", "set up in on_fit_start and be ready without it"
    with raising_nothing(what, "a second fit or partial_fit", must, change):
        first, second = _fit(callback, 3), _fit(callback, 3)
        _fit(toy_part(spec), 1, "partial_fit")
    counts = (len(first.history_), len(second.history_))
    require(
        counts[0] == counts[1], what, f"the same fit ran {counts[0]} and then {counts[1]} epochs",
        "each fit starts afresh", "reset what it remembers in on_fit_start",
    )  # fmt: skip


@check_for("callback")
def check_callback_answers(spec: ComponentSpec) -> None:
    """``on_step_end`` and ``on_epoch_end`` return True to stop, else False or None."""
    callback: Callback = toy_part(spec)
    answers: list[tuple[str, object]] = []

    def listen(name: str) -> None:
        own = getattr(callback, name)

        def heard(*arguments: Any) -> Any:
            answer = own(*arguments)
            answers.append((name, answer))
            return None

        setattr(callback, name, heard)

    for name in ("on_step_end", "on_epoch_end"):
        if getattr(type(callback), name) is not getattr(Callback, name):
            listen(name)
    _fit(callback, 2)
    for name, answer in answers:
        require(
            answer is None or isinstance(answer, bool), title_of(spec), f"{name} returned {answer!r}",
            "it must return True, False or None", "return a comparison, not a number",
        )  # fmt: skip
