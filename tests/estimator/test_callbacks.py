"""Callbacks by name, with options, and what becomes of a fit when one of them fails."""

import json

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone

import topicforge
from topicforge import TopicModel
from topicforge.contracts import ComponentSpec
from topicforge.errors import (
    CallbackError,
    OptionError,
    PluginError,
    PluginWarning,
    TrainingError,
    UnknownNameError,
)
from topicforge.plugin import Callback
from topicforge.training import build_named, check_named


class StopAt(Callback):
    def __init__(self, *, loss=0.0, epoch=99):
        if loss < 0:
            raise OptionError("stop-at: loss must be >= 0")
        self.loss, self.epoch = loss, epoch

    def on_epoch_end(self, report):
        return report.loss <= self.loss or report.epoch >= self.epoch


class Recorder(Callback):
    """Writes down what is called, and raises where it is told to."""

    def __init__(self, fails_in="", at=1, error=None):
        self.fails_in, self.at, self.calls = fails_in, at, []
        self.error = error or RuntimeError("boom")

    def _note(self, name):
        self.calls.append(name)
        if name == self.fails_in and self.calls.count(name) == self.at:
            raise self.error

    def on_fit_start(self, start):
        self.start = start
        self._note("on_fit_start")

    def on_step_end(self, step, terms):
        del step, terms
        self._note("on_step_end")

    def on_epoch_end(self, report):
        del report
        self._note("on_epoch_end")

    def on_fit_end(self, history):
        self.epochs = len(history)
        self._note("on_fit_end")


class Needy(Callback):
    def __init__(self, *, size=1):
        self.size = size / 0


SPECS = {
    name: ComponentSpec(
        name, factory, kind="callback", summary="s", source="s",
        distribution="my-package", version="1.2",
    )
    for name, factory in {"stop-at": StopAt, "recorder": Recorder, "needy": Needy}.items()
}  # fmt: skip


@pytest.fixture
def registry(monkeypatch):
    """The registry of all plugins, with three callbacks of a package that is not installed."""
    from topicforge.registry import default_registry

    registry = default_registry()
    for name, spec in SPECS.items():
        monkeypatch.setitem(registry._named["callback"], name, [spec])
    return registry


@pytest.fixture(scope="module")
def counts():
    return sp.csr_array(np.random.default_rng(0).poisson(0.7, (60, 12)))


def small(**parameters):
    return TopicModel(**{"n_topics": 3, "epochs": 4, "batch_size": 30, **parameters})


@pytest.mark.parametrize(
    ("callbacks", "epochs"),
    [
        (["stop-at"], 4),
        ([("stop-at", {"epoch": 3})], 3),
        ((["my-package:stop-at", {"epoch": 3}], "stop-at"), 3),
        (["stop-at", ("stop-at", {"loss": 1e9})], 1),
        ([StopAt(epoch=2), "stop-at"], 2),
    ],
)
@pytest.mark.usefixtures("registry")
def test_names_options_and_objects(counts, callbacks, epochs):
    model = small(callbacks=callbacks).fit(counts)
    assert len(model.history_) == epochs


@pytest.mark.usefixtures("registry")
def test_names_are_resolved_at_fit_and_never_before(counts):
    given = ["nobody", ("stop-at", {"epoch": 1})]
    model = small(callbacks=given)
    assert model.get_params()["callbacks"] is given
    copy = clone(model)
    assert copy.get_params()["callbacks"] == given
    copy.set_params(callbacks=given[1:])
    assert len(copy.fit(counts).history_) == 1
    # each fit builds its own
    assert len(copy.fit(counts).history_) == 1


@pytest.mark.parametrize(
    ("callbacks", "error", "says"),
    [
        (["stop-a"], UnknownNameError, r"no callback is called 'stop-a'\. Did you mean 'stop-at'"),
        ([("stop-at", {"los": 1})], UnknownNameError, r"called 'los'\. Did you mean 'loss'"),
        ([("stop-at", {"loss": -1.0})], OptionError, "loss must be >= 0"),
        (["needy"], PluginError, "'my-package:needy' 1.2: construction failed with ZeroDivision"),
        ([StopAt], OptionError, r"callbacks must be names, \(name, \{option: value\}\) or"),
        ([("stop-at", 3)], OptionError, r"got \('stop-at', 3\)"),
        ([None], OptionError, "got None"),
        ("stop-at", OptionError, r"must be a list, got 'stop-at'; write \[...\]"),
        (StopAt(), OptionError, "must be a list"),
    ],
)
@pytest.mark.usefixtures("registry")
def test_what_is_wrong_is_said_before_data_is_read(callbacks, error, says):
    with pytest.raises(error, match=says):
        small(callbacks=callbacks).fit("not even documents")


def test_a_callback_learns_what_is_in_force(counts):
    recorder = Recorder()
    model = small(preset="prodlda", learning_rate=0.01, callbacks=[recorder], seed=7).fit(counts)
    told = recorder.start.settings
    assert (told["preset"], told["seed"], told["learning_rate"]) == ("prodlda", 7, 0.01)
    assert told["decoder"] == model.settings_.composition.parts["decoder"].spec.name
    assert told["optimiser__beta1"] == model.settings_.training.beta1
    assert told["regularisers"] == model.settings_.regularisers
    deep = model.get_params()
    options = {k: v for k, v in deep.items() if k.startswith("prior__")}
    assert options
    assert options == {k: told[k] for k in options}


@pytest.mark.parametrize(
    ("method", "at", "kept"),
    [("on_step_end", 5, 2), ("on_epoch_end", 3, 3), ("on_fit_end", 1, 4)],
)
@pytest.mark.parametrize("error", [RuntimeError("boom"), SystemExit("boom"), OptionError("boom")])
def test_a_callback_that_fails_is_named_and_the_fit_so_far_is_kept(counts, method, at, kept, error):
    watching, culprit = Recorder(), Recorder(method, at, error)
    model = small(callbacks=[watching, culprit])
    says = rf"callback .*Recorder failed in {method} with {type(error).__name__}: boom; the model"
    with pytest.raises(CallbackError, match=says) as caught:
        model.fit(counts)
    assert caught.value.__cause__ is error
    assert f"after {kept} epochs" in str(caught.value)
    assert len(model.history_) == watching.epochs == kept
    assert model.transform(counts).shape == (60, 3)
    assert watching.calls.count("on_fit_end") == culprit.calls.count("on_fit_end") == 1
    # and it is what a fit of so many whole epochs would have been
    if method != "on_step_end":
        same = small(callbacks=[StopAt(epoch=kept)]).fit(counts)
        np.testing.assert_array_equal(same.topic_word_, model.topic_word_)


@pytest.mark.usefixtures("registry")
def test_a_callback_by_name_is_named_with_its_package_and_version(counts, monkeypatch):
    monkeypatch.setattr(Recorder, "on_epoch_end", lambda _self, _report: 1 / 0)
    with pytest.raises(CallbackError, match=r"callback 'my-package:recorder' of my-package 1\.2"):
        small(callbacks=["recorder"]).fit(counts)


@pytest.mark.parametrize(("method", "at"), [("on_fit_start", 1), ("on_step_end", 2)])
def test_a_failure_before_the_first_epoch_keeps_the_model_of_before(counts, method, at):
    model = small().fit(counts)
    before = model.topic_word_.copy()
    first, culprit, last = Recorder(), Recorder(method, at), Recorder()
    model.set_params(seed=5, callbacks=[first, culprit, last])
    with pytest.raises(CallbackError, match="whatever was fitted before is kept"):
        model.fit(counts)
    np.testing.assert_array_equal(model.topic_word_, before)
    # each callback that was started is ended, the one that failed too; no other
    assert first.calls[-1] == culprit.calls[-1] == "on_fit_end"
    assert last.calls[-1:] == ([] if method == "on_fit_start" else ["on_fit_end"])


def test_when_two_fail_at_the_end_one_is_raised_and_the_other_warned_of(counts):
    one, two = Recorder("on_fit_end"), Recorder("on_fit_end", error=ValueError("second"))
    with (
        pytest.warns(PluginWarning, match="ValueError: second"),
        pytest.raises(CallbackError, match="RuntimeError: boom"),
    ):
        small(callbacks=[one, two]).fit(counts)


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), None])
def test_what_ended_the_fit_is_what_the_caller_learns(counts, ending):
    culprit = Recorder("on_fit_end")
    if ending is None:
        options = {"learning_rate": 1e30, "epochs": 20, "preset": "nvdm-gsm"}
        model, error = small(callbacks=[culprit], **options), TrainingError
    else:
        model = small(callbacks=[Recorder("on_epoch_end", 2, ending), culprit])
        error = KeyboardInterrupt
    with pytest.warns(PluginWarning, match="failed in on_fit_end"), pytest.raises(error):
        model.fit(counts)


def test_partial_fit_calls_steps_and_epochs_alone_and_keeps_what_was_done(counts):
    recorder = Recorder("on_epoch_end", 2)
    model = small(callbacks=[recorder]).partial_fit(counts)
    with pytest.raises(CallbackError, match="after 2 epochs"):
        model.partial_fit(counts)
    model.partial_fit(counts)
    assert [report.epoch for report in model.history_] == [1, 2, 3]
    assert set(recorder.calls) == {"on_step_end", "on_epoch_end"}


@pytest.mark.usefixtures("registry")
def test_callbacks_are_not_saved(counts, tmp_path):
    model = small(callbacks=[("stop-at", {"epoch": 1})]).fit(counts)
    model.save(tmp_path / "model")
    told = json.loads((tmp_path / "model" / "model.json").read_text())
    assert "stop-at" not in json.dumps(told)
    assert topicforge.load(tmp_path / "model").callbacks == ()


def test_they_are_built_by_name_for_programs_too(registry):
    written = check_named(registry, "callback", [("stop-at", {"epoch": 2})])
    (named,) = build_named(registry, "callback", written)
    assert named.part.epoch == 2
    assert "stop-at" in named.title
