import json

import numpy as np
import pytest

import topicforge
from topicforge.corpus import Corpus


def test_a_preset_with_its_overrides(run, corpus, tmp_path):
    ran = run(
        "train", corpus, "--preset", "etm", "--n-topics", 3, "--epochs", 2, "--seed", 1,
        "--output", tmp_path / "MODEL",
    )  # fmt: skip
    assert ran.code == 0
    assert ran.out == ""
    # which operators run is said once per process, by whichever training comes first
    lines = [line for line in ran.err.splitlines() if not line.startswith("operators: ")]
    assert lines[0].startswith("300 documents, 30 words, 3 topics; divergence: closed form")
    assert [line.split(":")[0] for line in lines[1:3]] == ["train 1/2", "train 2/2"]
    for term in ("loss", "reconstruction", "divergence", "active topics", "docs/s"):
        assert term in lines[1]
    fitted = topicforge.load(tmp_path / "MODEL")
    assert fitted.preset == "etm"
    assert fitted.topic_word_.shape == (3, 30)
    assert len(fitted.history_) == 2


def test_parts_by_name_with_options(run, corpus, tmp_path):
    ran = run(
        "train", corpus, "--encoder", "mlp", "--prior", "gmm", "--divergence", "mmd",
        "--decoder", "mixture", "--set", "prior.n_components=5", "--set", "encoder.hidden=[20]",
        "--regulariser", "warm-up:epochs=2", "--n-topics", 3, "--epochs", 1, "--output", tmp_path / "M",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    fitted = topicforge.load(tmp_path / "M")
    parts = fitted.settings_.composition.parts
    assert [parts[kind].spec.name for kind in ("encoder", "prior", "divergence", "decoder")] == [
        "mlp", "gmm", "mmd", "mixture",
    ]  # fmt: skip
    assert parts["prior"].options["n_components"] == 5
    assert parts["encoder"].options["hidden"] == (20,)
    assert fitted.settings_.regularisers == (("warm-up", {"epochs": 2}),)


def test_the_command_trains_what_the_estimator_trains(corpus, model):
    documents = Corpus.open(corpus)
    ours = topicforge.TopicModel(n_topics=4, epochs=3, seed=0).fit(documents)
    theirs = topicforge.load(model)
    np.testing.assert_array_equal(theirs.topic_word_, ours.topic_word_)
    assert theirs.topics(5) == ours.topics(5)


def test_json_is_the_only_thing_on_standard_output(run, corpus, tmp_path):
    ran = run("train", corpus, "-k", 2, "--epochs", 2, "-o", tmp_path / "M", "--json")
    told = ran.json
    assert told["model"] == str(tmp_path / "M")
    assert told["interrupted"] is False
    assert told["last_epoch"]["epoch"] == told["last_epoch"]["epochs"] == 2
    assert told["last_epoch"]["validation_loss"] is None
    assert "train 2/2" in ran.err


def test_settings_from_a_file(run, corpus, tmp_path):
    (tmp_path / "run.toml").write_text(
        'epochs = 1\nn_topics = 2\n[decoder]\nname = "embedding"\nwidth = 7\n'
    )
    ran = run("train", corpus, "--config", tmp_path / "run.toml", "-o", tmp_path / "M")
    assert ran.code == 0, ran.err
    described = json.loads((tmp_path / "M" / "model.json").read_text())
    assert described["parts"]["decoder"]["name"] == "embedding"
    assert described["parts"]["decoder"]["options"]["width"] == 7
    assert described["sizes"]["n_topics"] == 2


def test_a_model_is_replaced_only_with_force(run, corpus, tmp_path):
    first = ["train", corpus, "-k", 2, "--epochs", 1, "-o", tmp_path / "M"]
    assert run(*first).code == 0
    before = (tmp_path / "M" / "model.json").read_bytes()
    ran = run(*first)
    assert ran.code == 2
    assert "--force" in ran.error
    assert (tmp_path / "M" / "model.json").read_bytes() == before
    assert run("train", corpus, "-k", 3, "--epochs", 1, "-o", tmp_path / "M", "--force").code == 0
    assert topicforge.load(tmp_path / "M").n_topics == 3


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--preset", "etn"], 2, "Did you mean 'etm'"),
        (["--prior", "dirichlett"], 2, "Did you mean 'dirichlet'"),
        (["--set", "prior.varianse=2"], 2, "variance"),
        (["--set", "epoch=3"], 2, "Did you mean 'epochs'"),
        (["--set", "learning_rate=fast"], 2, "learning_rate"),
        (["--n-topics", "0"], 2, "n_topics"),
        (["--encoder", "mlp-point", "--divergence", "kl"], 2, "Works instead"),
        (["--device", "nowhere"], 2, "--device"),
        (["--learning-rate", "1e30", "--set", "optimiser.gradient_clip=0"], 1, "finite"),
        (["--config", "nowhere.json"], 1, "--config"),
        (["--set", "training.patience=3"], 2, "validation_fraction"),
    ],
)
def test_what_goes_wrong_is_one_paragraph(run, corpus, tmp_path, more, code, said):
    ran = run("train", corpus, "-o", tmp_path / "M", "--epochs", 2, *more)
    assert ran.code == code
    assert said in ran.error
    assert ran.out == ""
    assert not (tmp_path / "M").exists()


def test_a_missing_corpus(run, tmp_path):
    ran = run("train", tmp_path / "nothing", "-o", tmp_path / "M")
    assert ran.code == 1
    assert "corpus build" in ran.error


def test_an_unusable_output_is_found_before_training(run, corpus, tmp_path):
    (tmp_path / "file").write_text("")
    ran = run("train", corpus, "--epochs", 1, "-o", tmp_path / "file" / "M")
    assert ran.code == 1
    assert "can't be written" in ran.error
    assert "train 1/" not in ran.err


def test_a_model_that_could_not_be_saved_is_saved_elsewhere(run, corpus, tmp_path, monkeypatch):
    """The disk fills up during training: what was trained for hours must not be lost."""
    save = topicforge.TopicModel.save
    output = tmp_path / "M"

    def full(self, folder):
        if folder == output:
            raise OSError(28, "No space left on device", str(folder))
        save(self, folder)

    monkeypatch.setattr(topicforge.TopicModel, "save", full)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ran = run("train", corpus, "-k", 2, "--epochs", 1, "-o", output)
    assert ran.code == 1
    place = ran.error.rpartition(" is in ")[2]
    assert place.startswith(str(tmp_path))
    assert len(topicforge.load(place).topics(3)) == 2
