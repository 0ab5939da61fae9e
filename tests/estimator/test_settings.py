import pytest

from topicforge.errors import OptionError, UnknownNameError
from topicforge.estimator.settings import resolve
from topicforge.parts.presets import PRESETS
from topicforge.registry import default_registry


def settings(preset=None, **explicit):
    return resolve(default_registry(), preset, explicit)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_resolves(preset):
    assert settings(preset).preset == preset


def test_named_settings_override_the_preset():
    resolved = settings("w-lda", prior__concentration=0.3, epochs=7)
    assert resolved.composition.prior.options["concentration"] == 0.3
    assert resolved.training.epochs == 7
    assert resolved.training.beta1 == 0.99  # the preset's own


def test_a_replaced_part_takes_its_options_with_it():
    resolved = settings("w-lda", decoder="mixture")
    assert resolved.composition.decoder.options == {}
    assert resolved.composition.prior.options == {"concentration": 0.1}


def test_naming_the_presets_own_part_keeps_its_options():
    assert settings("w-lda", prior="dirichlet").composition.prior.options == {"concentration": 0.1}


def test_the_link_follows_another_posterior():
    resolved = settings("etm", encoder="mlp-dirichlet", prior="dirichlet")
    assert resolved.composition.link.spec.name == "simplex"


def test_topics_come_from_one_hot_where_the_prior_with_anchors_is_replaced():
    assert settings("gmntm").topics_from == "anchors"
    assert settings("gmntm", prior="gaussian").topics_from == "one-hot"


@pytest.mark.parametrize(
    ("explicit", "error", "match"),
    [
        ({"learning_rat": 1}, UnknownNameError, "learning_rate"),
        ({"priro__concentration": 1}, UnknownNameError, "prior"),
        ({"learning_rate": -1.0}, OptionError, "at least 0"),
        ({"learning_rate": 0.0}, OptionError, "positive"),
        ({"epochs": 2.5}, OptionError, "whole number"),
        ({"lr_schedule": "cosin"}, OptionError, "cosine"),
        ({"theta_noise": 1.0}, OptionError, r"\[0, 1\)"),
        ({"patience": 3}, OptionError, "validation_fraction"),
        ({"topics_from": "elsewhere"}, OptionError, "anchors"),
    ],
)
def test_bad_settings_are_named(explicit, error, match):
    with pytest.raises(error, match=match):
        settings("etm", **explicit)


def test_unknown_presets_suggest_the_nearest():
    with pytest.raises(UnknownNameError, match="w-lda"):
        settings("wlda")
