"""Each check of divergences, rules, regularisers, callbacks, presets, metrics catches its violation."""

import pytest
import test_wrong_modules as modules
import torch

from topicforge import testing
from topicforge.contracts import ComponentSpec, PresetSpec, RuleSpec
from topicforge.evaluation import MetricSpec
from topicforge.plugin import (
    Callback,
    DiagonalNormal,
    Divergence,
    MixError,
    Regulariser,
    Rule,
)
from topicforge.testing import CheckError

DEFAULT = {"encoder": "mlp", "prior": "gaussian", "divergence": "kl", "decoder": "mixture"}


WORDS = {"summary": "wrong on purpose", "source": "these tests"}


def kl(q, p, samples):
    del samples
    ratio = (q.log_var - p.log_var).exp()
    distance = (q.loc - p.loc).square() * (-p.log_var).exp()
    return 0.5 * (ratio + distance - 1 + p.log_var - q.log_var).sum(-1)


def divergence(function, **rule):
    class Mine(Divergence):
        def resolve(self, pair):
            if pair.posterior.distribution is not DiagonalNormal:
                raise MixError("normals alone")
            if pair.prior.distribution is not DiagonalNormal:
                raise MixError("normals alone")
            return Rule(function, **{"exactness": "closed form", "space": "z", "source": "here",
                                     "summary": "a test's", **rule})  # fmt: skip

    return ComponentSpec("mine", Mine, kind="divergence", **WORDS)


def forgets_variance(q, p, samples):
    del p, samples
    return q.loc.square().sum(-1)


class RaisesTypeError(Divergence):
    def resolve(self, pair):
        del pair
        raise TypeError("no")


class ReturnsNothing(Divergence):
    def resolve(self, pair):
        pass


def rule(function, exactness="closed form", space="z"):
    made = Rule(function, exactness, space, "here", "a test's")
    return RuleSpec("kl", made, posterior=DiagonalNormal, prior=DiagonalNormal)


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
    return ComponentSpec("mine", factory, kind="callback", **WORDS)


class HeavierThanNothing(Regulariser):
    def divergence_weight(self, now):
        return now.epoch / now.epochs - 0.1


class DividesByEpochs(Regulariser):
    def divergence_weight(self, now):
        return float("nan") if now.epochs == 0 else 1.0


class RisesByANumber(Regulariser):
    def rising(self, now):
        return 8 - now.epoch


class RootOfDivergence(Regulariser):
    def divergence(self, value):
        return value.sqrt()


class ChargesAVector(Regulariser):
    def penalty(self, network, now):
        del now
        return network.decoder.word_scores(torch.eye(4)).square().mean(1)


class ChargesARoot(Regulariser):
    def penalty(self, network, now):
        del now
        return sum((0 * p).norm() + (0 * p).sum().abs().sqrt() for p in network.parameters())


class NarrowsLatent(Regulariser):
    def latent(self, z):
        return z.float()


class WritesLatent(Regulariser):
    def latent(self, z):
        return z.add_(1.0)


class TrainsByANumber(Regulariser):
    def trains(self, part, now):
        del part
        return 1 + now.epoch % 2


class ForgetsNothing(Regulariser):
    steps = 0

    def penalty(self, network, now):
        del now
        self.steps += 1
        return self.steps * sum(p.square().sum() for p in network.decoder.parameters())


class Explodes(Regulariser):
    def latent(self, z):
        del z
        raise ValueError("no")


class RefusesAll(Regulariser):
    def start(self, network):
        del network
        raise MixError("nothing fits")


class Shrinks(Regulariser):
    def penalty(self, network, now):
        del now
        return 1e-3 * sum(p.square().sum() for p in network.decoder.parameters())


def regulariser(factory):
    return ComponentSpec("mine", factory, kind="regulariser", **WORDS)


def preset(**settings):
    return PresetSpec("mine", settings, **WORDS)


def metric(function, *needs):
    return MetricSpec("mine", function, needs=needs, **WORDS)


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
    (ComponentSpec("mine", RaisesTypeError, kind="divergence", **WORDS), "check_divergence_resolves",
     "MixError"),
    (ComponentSpec("mine", ReturnsNothing, kind="divergence", **WORDS), "check_divergence_resolves",
     "resolve must return a topicforge.plugin.Rule or raise MixError, got None"),
    (ComponentSpec("mine", ReturnsNothing, kind="divergence", **WORDS), "check_trains_in_a_mix",
     "resolve must return a topicforge.plugin.Rule or raise MixError, got None"),
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
    (regulariser(HeavierThanNothing), "check_regulariser_weights", "finite number >= 0"),
    (regulariser(DividesByEpochs), "check_regulariser_weights", "of 0 is nan"),
    (regulariser(RisesByANumber), "check_regulariser_weights", "rising"),
    (regulariser(RootOfDivergence), "check_regulariser_divergence", "gradient"),
    (regulariser(ChargesAVector), "check_regulariser_penalty", "scalar"),
    (regulariser(ChargesARoot), "check_regulariser_penalty", "gradient"),
    (regulariser(NarrowsLatent), "check_regulariser_latent", "dtype"),
    (regulariser(WritesLatent), "check_regulariser_latent", "in place"),
    (regulariser(TrainsByANumber), "check_regulariser_trains", "True or False"),
    (regulariser(ForgetsNothing), "check_regulariser_fit", "repeats"),
    (regulariser(Explodes), "check_regulariser_fit", "ValueError: no"),
    (regulariser(RefusesAll), "check_regulariser_fit", "refuses every"),
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
        modules.CHECKS[check](spec)
    assert said in str(failure.value)
    assert "To correct it" in str(failure.value)
    assert "report it to the authors" not in str(failure.value)


@pytest.mark.parametrize(
    "spec",
    [
        divergence(kl),
        rule(kl),
        callback(Quiet),
        regulariser(Shrinks),
        preset(**DEFAULT),
        metric(always_one),
    ],
)
def test_what_they_differ_from_passes(spec):
    for check in testing.checks_of(spec):
        if "model" not in check.__module__:
            check(spec)


def test_no_check_goes_without_something_it_must_catch():
    """check_device needs a device; with one it is caught in test_wrong_modules."""
    caught = {check for _, _, check, _ in modules.CASES} | {check for _, check, _ in CASES}
    assert {check.__name__ for check in testing.all_checks()} - caught == {"check_device"}
