"""DESIGN's table of what fits with what, cell by cell, and how a refusal reads."""

import pytest

from topicforge.errors import MixError, OptionError, UnknownNameError
from topicforge.registry import default_registry
from topicforge.wiring.composition import compose, fit_table

# (encoder, prior) -> what kl and mmd do, from the architecture's table
TABLE = {
    ("mlp", "gaussian"): ("closed form in z", "sample estimate in z"),
    ("mlp", "dirichlet"): ("approximation in z", "sample estimate in theta"),
    ("mlp", "gmm"): ("bound in z", "sample estimate in z"),
    ("spectral", "gaussian"): ("closed form in z", "sample estimate in z"),
    ("spectral", "dirichlet"): ("approximation in z", "sample estimate in theta"),
    ("spectral", "gmm"): ("bound in z", "sample estimate in z"),
    ("mlp-dirichlet", "gaussian"): ("impossible", "sample estimate in theta"),
    ("mlp-dirichlet", "dirichlet"): ("closed form in theta", "sample estimate in theta"),
    ("mlp-dirichlet", "gmm"): ("impossible", "sample estimate in theta"),
    ("mlp-point", "gaussian"): ("impossible", "sample estimate in z"),
    ("mlp-point", "dirichlet"): ("impossible", "sample estimate in theta"),
    ("mlp-point", "gmm"): ("impossible", "sample estimate in z"),
}


def chosen(**parts):
    base = {
        "encoder": "mlp",
        "link": None,
        "prior": "gaussian",
        "divergence": "kl",
        "decoder": "mixture",
    }
    return {**base, **parts}


@pytest.mark.parametrize(("encoder", "prior"), TABLE)
def test_every_cell_of_the_table(encoder, prior):
    rows = {(row["encoder"], row["prior"]): row for row in fit_table(default_registry())}
    kl, mmd = TABLE[encoder, prior]
    assert rows[encoder, prior]["kl"] == kl
    assert rows[encoder, prior]["mmd"] == mmd


def test_monte_carlo_kl_only_on_request():
    options = {"divergence": {"estimator": "monte-carlo", "n_samples": 3}}
    rule = compose(default_registry(), chosen(prior="gmm"), options).rule
    assert rule.exactness == "Monte Carlo"
    assert "3 sample" in rule.summary


def test_monte_carlo_needs_one_space():
    with pytest.raises(MixError, match="one space"):
        compose(
            default_registry(),
            chosen(encoder="mlp-dirichlet"),
            {"divergence": {"estimator": "monte-carlo"}},
        )


def test_laplace_approximation_needs_the_plain_softmax():
    with pytest.raises(MixError, match="link='softmax'"):
        compose(default_registry(), chosen(prior="dirichlet", link="linear-softmax"), {})


def test_learned_weights_are_refused_by_mmd():
    parts = chosen(prior="gmm", divergence="mmd")
    with pytest.raises(MixError, match="learn='components'"):
        compose(default_registry(), parts, {"prior": {"learn": "all"}})
    assert compose(default_registry(), parts, {"prior": {"learn": "components"}}).rule.space == "z"


def test_a_refusal_says_why_what_works_and_how_to_add_a_rule():
    with pytest.raises(MixError) as caught:
        compose(default_registry(), chosen(encoder="mlp-point"), {})
    message = str(caught.value)
    for part in (
        "'mlp-point'", "Point in z", "no density", "divergence='mmd'", "encoder='mlp'",
        "register.divergence_rule",
    ):  # fmt: skip
        assert part in message


def test_a_link_that_takes_another_space_is_refused():
    with pytest.raises(MixError, match="leave the link out"):
        compose(default_registry(), chosen(encoder="mlp-dirichlet", link="softmax"), {})


def test_unknown_names_and_options_suggest_the_nearest():
    with pytest.raises(UnknownNameError, match="dirichlet"):
        compose(default_registry(), chosen(prior="dirichelt"), {})
    with pytest.raises(UnknownNameError, match="concentration"):
        compose(
            default_registry(),
            chosen(prior="dirichlet", divergence="mmd"),
            {"prior": {"concentratoin": 1.0}},
        )


def test_a_part_must_be_a_name_a_class_or_a_spec():
    with pytest.raises(OptionError, match="component class"):
        compose(default_registry(), chosen(prior=3), {})


def test_a_composition_names_its_estimator():
    composition = compose(default_registry(), chosen(prior="dirichlet"), {})
    assert composition.estimator.startswith("approximation: ")
