"""What explain says of a model: every option, its value, and where that comes from."""

import pytest

from topicforge import TopicModel
from topicforge.parts.presets import PRESETS
from topicforge.plugin import Regulariser


def options(told, group):
    rows = told["training"] if group == "training" else told[group]["options"]
    return {row["parameter"]: (row["value"], row["from"], row["default"]) for row in rows}


def test_values_say_where_they_come_from():
    model = TopicModel("w-lda", prior__concentration=0.3, training={"accumulate": 2}, epochs=3)
    told = model.explanation()
    assert options(told, "prior") == {"prior__concentration": ("0.3", "given", "0.1")}
    assert options(told, "encoder")["encoder__scale"] == ("2.0", "preset", "1.0")
    assert options(told, "divergence")["divergence__unbiased"] == ("True", "default", "True")
    assert options(told, "optimiser")["optimiser__beta1"] == ("0.99", "preset", "0.9")
    assert options(told, "training")["training__accumulate"] == ("2", "given", "1")
    assert options(told, "training")["epochs"] == ("3", "given", "100")
    assert told["regularisers"][0]["options"] == {"share": "0.2"}


def test_a_link_that_follows_from_the_encoder_says_so():
    told = TopicModel("etm", encoder="mlp-dirichlet", prior="dirichlet").explanation()
    assert (told["link"]["name"], told["link"]["from"]) == ("simplex", "encoder")
    assert told["encoder"]["from"] == "given"


class Mine(Regulariser):
    pass


def test_the_text_says_it_all_in_lines_that_fit():
    model = TopicModel("d-vae-paper", regularisers=[Mine(), "warm-up"])
    text = model.explain()
    for said in (
        "Burkhardt and Kramer 2019", "The authors' code stops early", "encoder: mlp-dirichlet (preset)",
        "  encoder__floor = 0.001  (preset)",
        "  decoder__scores = 'weights'  (default)", "float, default 0.01: smallest concentration",
        "posterior: Dirichlet in theta", "prior distribution: Dirichlet in theta, fixed",
        "estimator: closed form", "  Mine(): an object", "  warm-up(epochs=30): ",
    ):  # fmt: skip
        assert said in text, said
    assert max(map(len, text.splitlines())) <= 100


def test_a_fitted_model_says_what_was_fitted(planted):
    model = TopicModel("w-lda", n_topics=3, epochs=2, prior__concentration=0.3)
    plain = repr(model)
    assert "prior__concentration=0.3" in plain
    assert repr(model.fit(planted[0])) == (
        f"{plain}\nfitted: mlp-point x softmax x dirichlet x mmd x product; K = 3, V = 30, 2 epochs trained"
    )


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_says_how_it_differs_from_its_source(preset):
    told = TopicModel(preset).explanation()["preset"]
    assert len(told["notes"]) > 50
    assert " 20" in told["source"]
