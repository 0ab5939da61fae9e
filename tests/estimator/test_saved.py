import json
import shutil

import numpy as np
import pytest
import torch

import topicforge
from topicforge import TopicModel
from topicforge.errors import ModelFileError, OutputError
from topicforge.estimator.saved import MODEL, read_topics
from topicforge.plugin import DiagonalNormal, Latent, Prior
from topicforge.storage import write_manifest


@pytest.fixture(scope="module")
def fitted(planted):
    words = [f"w{v}" for v in range(30)]
    return TopicModel(
        "w-lda",
        n_topics=3,
        epochs=3,
        encoder__hidden=(8,),
        vocabulary=words,
        prior__concentration=0.2,
    ).fit(planted[0])


@pytest.fixture
def folder(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("preset", ["default", "nvdm-gsm", "etm", "gmntm", "prodlda", "d-vae"])
def test_round_trip_is_exact(planted, tmp_path, preset):
    counts, _ = planted
    options = {
        "gmntm": {"encoder__hidden": (16,), "decoder__width": 8, "training__pretrain_epochs": 1}
    }
    model = TopicModel(preset, n_topics=3, epochs=2, **options.get(preset, {})).fit(counts)
    model.save(tmp_path / "m")
    again = topicforge.load(tmp_path / "m")
    np.testing.assert_array_equal(again.transform(counts), model.transform(counts))
    np.testing.assert_array_equal(again.topic_word_, model.topic_word_)
    assert again.topics(5) == model.topics(5)
    assert again.history_ == model.history_
    assert again.machine_ == model.machine_
    assert again.machine_["threads"] == torch.get_num_threads()
    assert again.get_params() == model.get_params()
    assert again.score(counts) == model.score(counts)


def test_no_file_is_a_pickle(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {
        "model.json", "weights.safetensors", "topics.safetensors", "vocabulary.txt",
        "manifest.json",
    }  # fmt: skip
    described = json.loads((folder / "model.json").read_text())
    part = described["parts"]["prior"]
    assert part["distribution"] == "topicforge"
    assert part["version"] == topicforge.__version__
    assert part["options"] == {"concentration": 0.2}


def test_texts_are_understood_again(tmp_path):
    texts = ["cats purr and sleep", "dogs bark and run", "stars shine at night"] * 10
    model = TopicModel("w-lda", n_topics=3, epochs=2).fit(texts)
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(
        topicforge.load(tmp_path / "m").transform(texts), model.transform(texts)
    )


def test_a_second_save_replaces_the_first(fitted, folder):
    fitted.save(folder)
    assert topicforge.load(folder).topics(3) == fitted.topics(3)
    assert [p.name for p in folder.parent.iterdir()] == ["model"]


def test_a_folder_of_something_else_is_not_replaced(fitted, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="other files"):
        fitted.save(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize(
    "name", ["weights.safetensors", "topics.safetensors", "model.json", "vocabulary.txt"]
)
@pytest.mark.parametrize("damage", ["missing", "truncated", "garbage", "empty", "flipped"])
def test_damaged_files_are_named(folder, name, damage):
    path = folder / name
    data = path.read_bytes()
    if damage == "missing":
        path.unlink()
    else:
        path.write_bytes(
            {
                "truncated": data[: len(data) // 2],
                "garbage": b"\xff" * 99,
                "empty": b"",
                "flipped": data[:-3] + bytes([data[-3] ^ 1]) + data[-2:],
            }[damage]
        )
    with pytest.raises(ModelFileError, match=name.replace(".", r"\.")):
        topicforge.load(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("parts", {}),
        ("sizes", None),
        ("format", 99),
        ("training", {"epochs": "many"}),
        ("history", [1]),
    ],
)
def test_edited_settings_are_refused(folder, key, value):
    path = folder / "model.json"
    described = json.loads(path.read_text())
    described[key] = value
    path.write_text(json.dumps(described))
    with pytest.raises(ModelFileError, match=r"model\.json: must have .* bytes"):
        topicforge.load(folder)
    write_manifest(folder, MODEL)
    with pytest.raises((ModelFileError, topicforge.errors.OptionError)):
        topicforge.load(folder)


def test_weights_of_another_model_are_refused(folder, planted, tmp_path):
    other = TopicModel("w-lda", n_topics=3, epochs=1, encoder__hidden=(9,)).fit(planted[0])
    other.save(tmp_path / "other")
    shutil.copy(tmp_path / "other" / "weights.safetensors", folder / "weights.safetensors")
    with pytest.raises(ModelFileError, match=r"weights\.safetensors: must have .* bytes"):
        topicforge.load(folder)
    write_manifest(folder, MODEL)
    with pytest.raises(ModelFileError, match="of another shape"):
        topicforge.load(folder)


def test_a_removed_plugin_is_named_and_the_topics_still_open(folder, fitted):
    path = folder / "model.json"
    described = json.loads(path.read_text())
    described["parts"]["prior"].update(
        name="stick-breaking", distribution="nice-priors", version="2.1"
    )
    path.write_text(json.dumps(described))
    write_manifest(folder, MODEL)
    with pytest.raises(ModelFileError, match=r"package .nice-priors., version .2\.1."):
        topicforge.load(folder)
    assert read_topics(folder).topics(4) == fitted.topics(4)


class HomePrior(Prior):
    latent = Latent(DiagonalNormal, trainable=False)

    def __init__(self, context):
        super().__init__(context)
        import torch

        self.register_buffer("zero", torch.zeros(context.n_latent))

    def distribution(self):
        return DiagonalNormal(self.zero, self.zero)


def test_a_part_handed_in_as_a_class_is_asked_for_again(planted, tmp_path):
    model = TopicModel("nvdm-gsm", prior=HomePrior, n_topics=3, epochs=1).fit(planted[0])
    model.save(tmp_path / "m")
    with pytest.raises(ModelFileError, match="HomePrior"):
        topicforge.load(tmp_path / "m")
    again = topicforge.load(tmp_path / "m", parts={"prior": HomePrior})
    np.testing.assert_array_equal(again.transform(planted[0]), model.transform(planted[0]))
