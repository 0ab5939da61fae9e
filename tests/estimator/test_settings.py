import pytest

from topicforge import TopicModel
from topicforge.errors import MixError, OptionError, UnknownNameError
from topicforge.estimator.settings import resolve
from topicforge.parts.presets import DEFAULT, PRESETS
from topicforge.registry import default_registry
from topicforge.training import TrainingOptions


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


FORMS = {
    "beside the name": {"optimiser": ("adam", {"eps": 1e-7}), "training": {"accumulate": 3},
                        "prior": ("dirichlet", {"concentration": 0.3})},
    "as parameters": {"optimiser__eps": 1e-7, "training__accumulate": 3, "prior__concentration": 0.3},
    "as a file has them": {"optimiser": ["adam", {"eps": 1e-7}], "training": {"accumulate": 3},
                           "prior": ["dirichlet", {"concentration": 0.3}]},
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_options_are_said_in_one_idiom_and_keep_the_presets_others(form):
    resolved = settings("w-lda", **FORMS[form])
    assert resolved.training.eps == 1e-7
    assert resolved.training.beta1 == 0.99  # the preset's own, as is the next
    assert resolved.training.reconstruction_scale == "length"
    assert resolved.training.accumulate == 3
    assert resolved.composition.prior.options == {"concentration": 0.3}


def test_a_parameter_of_its_own_wins_over_the_option_beside_the_name():
    resolved = settings(training={"accumulate": 3}, training__accumulate=4)
    assert resolved.training.accumulate == 4


def test_every_parameter_in_force_says_where_it_comes_from():
    resolved = settings("w-lda", epochs=3, training={"accumulate": 3})
    assert resolved.origins["epochs"] == resolved.origins["training__accumulate"] == "given"
    assert resolved.origins["optimiser__beta1"] == resolved.origins["prior"] == "preset"
    assert set(resolved.origins) <= set(resolved.parameters())
    assert not {"optimiser", "optimiser__eps"} & set(resolved.origins)


def test_a_replaced_part_takes_its_options_with_it():
    resolved = settings("w-lda", decoder="mixture")
    assert resolved.composition.decoder.options == {}
    assert resolved.composition.prior.options == {"concentration": 0.1}


def test_naming_the_presets_own_part_keeps_its_options():
    assert settings("w-lda", prior="dirichlet").composition.prior.options == {"concentration": 0.1}


def test_naming_a_part_starts_from_no_presets_options():
    for named in ({"decoder": "mixture"}, {"prior": "gaussian"}, {"encoder": "mlp"}):
        resolved = settings(**named)
        assert resolved.preset == "plain"
        assert all(part.options == {} for part in resolved.composition.parts.values())
        assert resolved.training == TrainingOptions()
        assert resolved.origins[next(iter(named))] == "given"
        assert resolved.ranking == "decoder"
    # its options alone are said of the default composition
    assert settings(prior__variance=2.0).preset == "default"
    assert settings().preset == "default"
    # a preset that is named keeps what it says of its own part
    kept = settings("default", decoder=DEFAULT["decoder"]).composition.decoder.options
    assert kept == settings().composition.decoder.options != {}


def test_the_link_follows_another_posterior():
    resolved = settings("etm", encoder="mlp-dirichlet", prior="dirichlet")
    assert resolved.composition.link.spec.name == "simplex"


def test_topics_come_from_the_components_where_the_prior_says_so(planted):
    assert settings("gmntm").composition.prior.options["topics"] == "components"
    assert settings("gmntm", prior="gaussian").composition.prior.options == {}
    wrong = TopicModel("gmntm", n_topics=3, prior__n_components=4)
    with pytest.raises(MixError, match=r"it has 4 and n_topics is 3; .*prior__n_components"):
        wrong.fit(planted[0])


@pytest.mark.parametrize(
    ("explicit", "error", "match"),
    [
        ({"learning_rat": 1}, UnknownNameError, "learning_rate"),
        ({"priro__concentration": 1}, UnknownNameError, "prior"),
        ({"learning_rate": -1.0}, OptionError, "at least 0"),
        ({"learning_rate": 0.0}, OptionError, "positive"),
        ({"epochs": 2.5}, OptionError, "whole number"),
        ({"training": {"learning_rate_schedule": "cosin"}}, OptionError, "cosine"),
        ({"training": 3}, OptionError, "training must be a mapping"),
        ({"training": {"acumulate": 3}}, UnknownNameError, "accumulate"),
        ({"optimiser": ("adam", {"beta": 0.9})}, UnknownNameError, "beta1"),
        ({"optimiser": "adm"}, OptionError, "adam"),
        ({"optimiser__beta1": 1.0}, OptionError, "optimiser__beta1 must be below 1"),
        ({"training__patience": 3}, OptionError, "validation_fraction"),
    ],
)
def test_bad_settings_are_named(explicit, error, match):
    with pytest.raises(error, match=match):
        settings("etm", **explicit)


def test_unknown_presets_suggest_the_nearest():
    with pytest.raises(UnknownNameError, match="w-lda"):
        settings("wlda")
