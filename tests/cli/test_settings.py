import json

import pytest
import typer

from topicforge.cli.settings import build_model, read_assignments, read_config
from topicforge.errors import InputError, MixError, UnknownNameError


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("prior.n_components=50", "prior__n_components", 50),
        ("prior.concentration=0.1", "prior__concentration", 0.1),
        ("prior.learn=all", "prior__learn", "all"),
        ("encoder.hidden=[200, 100]", "encoder__hidden", (200, 100)),
        ("decoder.vectors=[[1, 2], [3]]", "decoder__vectors", ((1, 2), (3,))),
        ("encoder.batch_norm=True", "encoder__batch_norm", True),
        ("encoder.batch-norm=false", "encoder__batch_norm", False),
        ("n_latent=None", "n_latent", None),
        ("optimiser.gradient_clip=null", "optimiser__gradient_clip", None),
        ("training.pretrain_epochs=20", "training__pretrain_epochs", 20),
        ("decoder.vectors=a=b.txt", "decoder__vectors", "a=b.txt"),
        ('prior.learn="50"', "prior__learn", "50"),
        ("decoder.vectors=a.b.txt", "decoder__vectors", "a.b.txt"),
    ],
)
def test_values_are_json_or_plain_text(text, name, value):
    read = read_assignments([text])
    assert read == {name: value}
    assert type(read[name]) is type(value)


@pytest.mark.parametrize("texts", [["epochs"], ["=3"], ["a b=3"], ["epochs=1", "epochs=2"]])
def test_assignments_must_be_name_and_value_once(texts):
    with pytest.raises(typer.BadParameter):
        read_assignments(texts)


CONFIG = {
    "preset": "w-lda",
    "optimiser": ["adam", {"beta1": 0.9}],
    "training": {"accumulate": 2},
    "n_topics": 7,
    "prior.concentration": 0.2,
    "encoder": {"name": "mlp-point", "hidden": [20, 10]},
}
READ = {
    "preset": "w-lda",
    "optimiser": "adam",
    "optimiser__beta1": 0.9,
    "training__accumulate": 2,
    "n_topics": 7,
    "prior__concentration": 0.2,
    "encoder": "mlp-point",
    "encoder__hidden": (20, 10),
}


def test_settings_come_from_json_and_toml_alike(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(CONFIG))
    (tmp_path / "a.toml").write_text(
        'preset = "w-lda"\nn_topics = 7\n"prior.concentration" = 0.2\n'
        'optimiser = ["adam", {beta1 = 0.9}]\n[training]\naccumulate = 2\n'
        '[encoder]\nname = "mlp-point"\nhidden = [20, 10]\n'
    )
    assert read_config(tmp_path / "a.json") == READ
    assert read_config(tmp_path / "a.toml") == READ


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.json", "{"), ("a.toml", "x = "), ("a.json", "[1]"), ("a.json", "\ud800"), ("none.json", None),
        ("a.json", '{"prior.x": 1, "prior": {"x": 2}}'),
    ],
)  # fmt: skip
def test_unusable_settings_files_are_refused(tmp_path, name, text):
    if text is not None:
        (tmp_path / name).write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(InputError, match="--config"):
        read_config(tmp_path / name)


def test_options_win_over_the_file(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(CONFIG))
    model = build_model(
        {"n_topics": 9, "epochs": None, "optimiser": "adam:beta1=0.8"},
        ["prior.concentration=0.3", "training.accumulate=3"],
        tmp_path / "a.json",
    )
    training = model._resolve().training
    assert (training.beta1, training.accumulate) == (0.8, 3)
    assert model.n_topics == 9
    assert model.preset == "w-lda"
    params = model.get_params(deep=False)
    assert params["prior__concentration"] == 0.3
    assert params["encoder__hidden"] == (20, 10)
    assert model.epochs is None


def test_an_option_given_twice_is_refused():
    with pytest.raises(typer.BadParameter, match="epochs"):
        build_model({"epochs": 3}, ["epochs=4"], None)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("epoch", "mean 'epochs'"),
        ("pior.concentration", "mean 'prior'"),
        ("training.patenice", "training has no option .patenice..*patience"),
        ("vectorizer", "no setting 'vectorizer'"),
        ("callbacks", "no setting 'callbacks'"),
    ],
)
def test_an_unknown_setting_suggests_the_nearest(name, near):
    with pytest.raises(UnknownNameError, match=near):
        build_model({}, [f"{name}=3"], None)


def test_parts_that_do_not_fit_are_refused_before_any_data():
    with pytest.raises(MixError, match="mmd"):
        build_model({"encoder": "mlp-point", "prior": "gaussian", "divergence": "kl"}, None, None)
