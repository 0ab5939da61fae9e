"""Every check of a divergence, rule, callback, preset or metric catches what breaks its clause."""

import pytest
import test_wrong_modules as modules
import torch

from topicforge import testing
from topicforge.plugin import (
    Callback,
    ComponentSpec,
    DiagonalNormal,
    Divergence,
    MetricSpec,
    MixError,
    PresetSpec,
    Rule,
    RuleSpec,
)
from topicforge.testing import CheckError

DEFAULT = {"encoder": "mlp", "prior": "gaussian", "divergence": "kl", "decoder": "mixture"}


def kl(q, p, samples):
    del samples
    ratio = (q.log_var - p.log_var).exp()
    distance = (q.loc - p.loc).square() * (-p.log_var).exp()
    return 0.5 * (ratio + distance - 1 + p.log_var - q.log_var).sum(-1)


def divergence(function, **rule):
    class Mine(Divergence):
        def resolve(self, sides):
            if sides.posterior.distribution is not DiagonalNormal:
                raise MixError("normals alone")
            if sides.prior.distribution is not DiagonalNormal:
                raise MixError("normals alone")
            return Rule(function, **{"exactness": "closed form", "space": "z", "source": "here",
                                     "summary": "a test's", **rule})  # fmt: skip

    return ComponentSpec("divergence", "mine", Mine, "wrong on purpose", "these tests")


def forgets_variance(q, p, samples):
    del p, samples
    return q.loc.square().sum(-1)


class RaisesTypeError(Divergence):
    def resolve(self, sides):
        del sides
        raise TypeError("no")


def rule(function, exactness="closed form", space="z"):
    made = Rule(function, exactness, space, "here", "a test's")
    return RuleSpec("kl", DiagonalNormal, DiagonalNormal, made)


class Draws(Callback):
    def on_epoch_end(self, report):
        del report
        torch.rand(1)


class NeedsStart(Callback):
    def on_fit_start(self, start):
        self.epochs = start.epochs

    def on_epoch_end(self, report):
        return report.epoch >= self.epochs


class AnswersNumber(Callback):
    def on_epoch_end(self, report):
        return report.loss


class Quiet(Callback):
    def on_epoch_end(self, report):
        return report.epoch >= 2


def callback(factory):
    return ComponentSpec("callback", "mine", factory, "wrong on purpose", "these tests")


def preset(**settings):
    return PresetSpec("mine", settings, "wrong on purpose", "these tests")


def metric(function, *needs):
    return MetricSpec("mine", function, "wrong on purpose", "these tests", needs)


def rolls_dice(given):
    del given
    return float(torch.rand(()))


def always_one(given):
    del given
    return 1.0


def sharpens(given):
    given.theta[:] = 0
    return 1.0


CASES = [
    (ComponentSpec("divergence", "mine", RaisesTypeError, "s", "s"), "check_divergence_resolves",
     "MixError"),
    (divergence(lambda q, p, s: kl(q, p, s).mean()), "check_divergence_shapes", "per_document"),
    (divergence(lambda q, p, s: kl(q, p, s).detach()), "check_divergence_gradient", "gradient"),
    (divergence(lambda q, p, s: -kl(q, p, s)), "check_divergence_not_negative", "not negative"),
    (divergence(lambda q, p, s: 1 + kl(q, p, s)), "check_divergence_at_equality", "must be 0"),
    (rule(lambda q, p, s: kl(q, p, s).sum()), "check_rule_value", "shape"),
    (rule(kl, space="theta"), "check_rule_value", "measured in theta"),
    (rule(forgets_variance), "check_rule_gradient", "'log_var'"),
    (rule(lambda q, p, s: 1.2 * kl(q, p, s)), "check_rule_against_monte_carlo", "Monte Carlo"),
    (rule(lambda q, p, s: 0.8 * kl(q, p, s), "bound"), "check_rule_against_monte_carlo", "bound"),
    (callback(Draws), "check_callback_changes_nothing", "no mathematics"),
    (callback(NeedsStart), "check_callback_can_be_used_again", "on_fit_start"),
    (callback(AnswersNumber), "check_callback_answers", "True, False or None"),
    (preset(**{**DEFAULT, "epoch": 3}), "check_preset_fits", "epochs"),
    (preset(encoder="mlp", prior="gaussian"), "check_preset_fits", "no divergence"),
    (preset(**DEFAULT, learning_rate=1e30), "check_preset_trains", "training"),
    (metric(lambda given: float(given.theta.mean())), "check_metric_needs", "needs="),
    (metric(rolls_dice), "check_metric_repeats", "repeat"),
    (metric(sharpens, "theta"), "check_metric_repeats", "theta"),
]  # fmt: skip


@pytest.mark.parametrize(("spec", "check", "said"), CASES)
def test_what_is_wrong_is_caught(spec, check, said):
    with pytest.raises(CheckError) as failure:
        getattr(testing, check)(spec)
    assert said in str(failure.value)
    assert "To mend it" in str(failure.value)


@pytest.mark.parametrize(
    "spec",
    [divergence(kl), rule(kl), callback(Quiet), preset(**DEFAULT), metric(always_one)],
)
def test_what_they_differ_from_passes(spec):
    for check in testing.checks_of(spec):
        if "model" not in check.__module__:
            check(spec)


def test_no_check_goes_without_something_it_must_catch():
    """check_device needs a device; with one it is caught in test_wrong_modules."""
    caught = {check for _, _, check, _ in modules.CASES} | {check for _, check, _ in CASES}
    assert {check.__name__ for check in testing.all_checks()} - caught == {"check_device"}
