"""Regulariser by name, as objects, together; in a model, its folder, its parameters."""

import pytest
import torch
from sklearn.base import clone

from topicforge import TopicModel, load
from topicforge.cli.settings import build_model
from topicforge.errors import MixError, OptionError, PluginError, TrainingError, UnknownNameError
from topicforge.plugin import Progress, Regulariser
from topicforge.registry import default_registry
from topicforge.training import build_named, check_named
from topicforge.training.regularisers import Regularisers


def rules(*written):
    registry = default_registry()
    checked = check_named(registry, "regulariser", written)
    return Regularisers(build_named(registry, "regulariser", checked))


def small(preset="nvdm-gsm", **params):
    return TopicModel(preset, **{"n_topics": 3, "epochs": 1, "encoder__hidden": (8,), **params})


class Charges(Regulariser):
    """A penalty of a given shape."""

    def __init__(self, *shape):
        self.shape = shape

    def penalty(self, network, now):
        del network, now
        return torch.full(self.shape, 0.25)


class Squashes(Regulariser):
    def latent(self, z):
        return z[:, :1]


class Doubles(Regulariser):
    def latent(self, z):
        return 2 * z

    def divergence(self, value):
        return 2 * value


class Adds(Regulariser):
    def latent(self, z):
        return z + 1

    def divergence(self, value):
        return value + 1


# ---- what is written ------------------------------------------------------------------------


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="warm-up"):
        rules("warmup")


def test_an_unknown_option_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match="epochs"):
        rules(("warm-up", {"epoch": 3}))


def test_a_value_outside_its_domain():
    with pytest.raises(OptionError, match="regulariser 'warm-up'"):
        rules(("warm-up", {"epochs": 0}))


@pytest.mark.parametrize("written", ["warm-up", {"warm-up": {}}, 3, [3], [("warm-up", 3)]])
def test_what_is_no_list_of_rules_is_refused(written):
    with pytest.raises(OptionError, match="regularisers must be"):
        check_named(default_registry(), "regulariser", written)


# ---- several at once -------------------------------------------------------------------------


def test_weights_multiply():
    both = rules(("warm-up", {"epochs": 10}), ("cyclical", {"cycles": 2, "share": 1.0}))
    # epoch 6 of 8: 6/10 of the warm-up, half of the second cycle
    assert both.divergence_weight(Progress(6.0, 8)) == pytest.approx(0.6 * 0.5)
    assert both.rising(Progress(6.0, 8))
    assert rules().divergence_weight(Progress(0.0, 8)) == 1.0


def test_latents_and_divergences_pass_through_in_order():
    z = torch.ones(2, 3)
    assert torch.equal(rules(Doubles(), Adds()).hook("latent")(z), torch.full((2, 3), 3.0))
    assert torch.equal(rules(Adds(), Doubles()).hook("latent")(z), torch.full((2, 3), 4.0))
    assert rules(Doubles(), Adds()).divergence(torch.tensor(5.0)) == 11
    assert rules(Adds(), Doubles()).divergence(torch.tensor(5.0)) == 12


def test_penalties_of_one_name_add_up():
    assert rules(Charges(), Charges()).penalties(None, Progress(0.0, 1)) == {"Charges": 0.5}


def test_a_part_moves_where_every_rule_lets_it():
    both = rules(("alternate", {"epochs": 1}), ("alternate", {"epochs": 2}))
    assert [both.trains("decoder", Progress(e, 4)) for e in range(4)] == [True, False, False, False]


# ---- what a rule may not do --------------------------------------------------------------------


def test_a_penalty_must_be_a_scalar(planted):
    with pytest.raises(PluginError, match=r"'Charges': penalty must be a scalar.*\(2,\)"):
        small(regularisers=[Charges(2)]).fit(planted[0])


def test_a_latent_must_keep_its_shape(planted):
    with pytest.raises(PluginError, match="'Squashes': latent must keep the shape"):
        small(regularisers=[Squashes()]).fit(planted[0])


def test_per_document_rules_refuse_one_number_a_batch(planted):
    with pytest.raises(MixError, match=r"free-bits.*one number per document"):
        small("w-lda", regularisers=["free-bits"]).fit(planted[0])


class HoldsDecoder(Regulariser):
    def trains(self, part, now):
        del now
        return part != "decoder"


def test_rules_that_together_hold_everything_are_refused(planted):
    # the decoder's turn comes first, and the gaussian prior has no parameters
    with pytest.raises(
        TrainingError, match=r"epoch 1 something must move.*alternate, HoldsDecoder"
    ):
        small(regularisers=["alternate", HoldsDecoder()]).fit(planted[0])


# ---- in a model --------------------------------------------------------------------------------


def test_a_penalty_is_in_the_loss_and_in_the_report(planted):
    report = small(regularisers=[Charges()]).fit(planted[0]).history_[0]
    assert report.penalties == {"Charges": 0.25}
    expected = report.reconstruction + report.divergence + 0.25
    assert report.loss == pytest.approx(expected, rel=1e-5)  # float32 sums


def test_an_empty_list_turns_a_presets_rules_off(planted):
    with_rules, without = small().fit(planted[0]), small(regularisers=[]).fit(planted[0])
    assert with_rules.settings_.regularisers == (("warm-up", {"epochs": 30}),)
    assert without.settings_.regularisers == ()
    # 300 documents in batches of 200: the last step is half way through the first of 30 epochs
    assert with_rules.history_[0].divergence_weight == pytest.approx(0.5 / 30)
    assert without.history_[0].divergence_weight == 1.0


def test_a_model_folder_keeps_names_and_options(planted, tmp_path):
    written = [("warm-up", {"epochs": 2}), "latent-noise", Charges()]
    model = small(regularisers=written).fit(planted[0])
    model.save(tmp_path / "model")
    opened = load(tmp_path / "model")
    # an object has no name to be found by, and nothing is trained in a saved model
    assert opened.settings_.regularisers == (("warm-up", {"epochs": 2}), ("latent-noise", {}))
    assert (opened.topic_word_ == model.topic_word_).all()


def test_parameters_of_the_estimator(planted):
    written = [("warm-up", {"epochs": 2}), Doubles()]
    model = small(regularisers=written)
    assert model.get_params()["regularisers"] is written
    copied = clone(model)
    assert copied.get_params()["regularisers"][0] == written[0]
    model.set_params(regularisers=[])
    assert model.fit(planted[0]).settings_.regularisers == ()


def test_a_toml_file_names_them(tmp_path):
    path = tmp_path / "run.toml"
    path.write_text('n_topics = 3\nregularisers = [["warm-up", {epochs = 30}], "latent-noise"]\n')
    model = build_model({"preset": "nvdm-gsm"}, None, path)
    registry = default_registry()
    assert check_named(registry, "regulariser", model.regularisers) == (
        ("warm-up", {"epochs": 30}), ("latent-noise", {}),
    )  # fmt: skip
