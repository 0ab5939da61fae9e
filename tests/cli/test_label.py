import pytest

import topicforge
from topicforge import TopicModel
from topicforge.contracts import LabelerSpec
from topicforge.registry import default_registry

TEXTS = ["home team ball game", "ball game score", "vote party law", "law vote senate"] * 10


@pytest.fixture
def folder(tmp_path):
    TopicModel(n_topics=2, epochs=2, seed=0).fit(TEXTS).save(tmp_path / "M")
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in TEXTS))
    return tmp_path


def test_labels_are_kept_and_can_be_taken_back(run, folder):
    told = run("label", folder / "M", folder / "texts.txt", "--labeler", "titles", "--json").json
    assert {row["label"] for row in told} <= set(TEXTS)
    assert topicforge.load(folder / "M").topic_table().to_dicts() == told
    assert run("edit", folder / "M", "undo").code == 0
    assert len(topicforge.load(folder / "M").edits) == 0
    ran = run("label", folder / "M")
    assert ran.code == 0
    assert ran.out.splitlines()[0].split()[:2] == ["topic", "label"]


def test_a_plugins_labeler_with_options(run, folder, monkeypatch):
    def count(topic, *, unit="words"):
        return f"{topic.topic} {unit}"

    spec = LabelerSpec("counter", count, summary="counts")
    monkeypatch.setitem(default_registry()._named["labeler"], "counter", [spec])
    told = run("label", folder / "M", "--labeler", "counter:unit=terms", "--json").json
    assert [row["label"] for row in told] == ["0 terms", "1 terms"]


def test_what_is_wrong_changes_nothing(run, folder):
    assert "needs texts" in run("label", folder / "M", "--labeler", "phrases").error
    assert "no labeler is called 'frexx'" in run("label", folder / "M", "--labeler", "frexx").error
    assert not (folder / "M" / "edits.json").exists()
