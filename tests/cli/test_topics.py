import json
import shutil

import numpy as np
import pytest

import topicforge
from topicforge.estimator.saved import MODEL
from topicforge.storage import write_manifest


def test_text_is_a_topic_a_line_and_nothing_else(run, model):
    ran = run("topics", model, "--top", 25, "--format", "text")
    assert ran.code == 0
    fitted = topicforge.load(model)
    assert ran.err == f"ranked by {fitted.ranked_by()}\n"
    assert ran.out == "".join(" ".join(words) + "\n" for words in fitted.topics(25))
    assert [len(line.split(" ")) for line in ran.out.splitlines()] == [25] * 4


def test_json(run, model):
    told = run("topics", model, "--top", 3, "--format", "json").json
    fitted = topicforge.load(model)
    assert (told["ranked_by"], told["topics"]) == (fitted.ranked_by(), fitted.topics(3))
    assert told["table"] == fitted.topic_table(top=3).to_dicts()


@pytest.mark.parametrize("kind", ["text", "table", "json"])
def test_another_ranking_is_named_in_every_format(run, model, kind):
    ran = run("topics", model, "--format", kind, "--ranking", "relevance:lambda_=0.3")
    fitted, ranking = topicforge.load(model), ("relevance", {"lambda_": 0.3})
    assert fitted.ranked_by(ranking) in (ran.out if kind == "json" else ran.err)
    for words in fitted.topics(10, ranking=ranking):
        assert words[0] in ran.out
    if kind == "text":
        assert ran.out == "".join(
            " ".join(words) + "\n" for words in fitted.topics(10, ranking=ranking)
        )


def test_an_unknown_ranking(run, model):
    ran = run("topics", model, "--ranking", "relevence")
    assert ran.code == 2
    assert "relevance" in ran.error


def test_table(run, model):
    ran = run("topics", model, "--top", 3, "--format", "table")
    fitted = topicforge.load(model)
    rows = [line.split() for line in ran.out.splitlines()]
    assert rows[0] == ["topic", "label", "share", "size", "nearest", "state", "words"]
    assert [row[0] for row in rows[1:]] == ["0", "1", "2", "3"]
    assert [row[-3:] for row in rows[1:]] == fitted.topics(3)


def test_output(run, model, tmp_path):
    ran = run("topics", model, "--output", tmp_path / "topics.csv")
    assert (ran.code, ran.out) == (0, "")
    assert (tmp_path / "topics.csv").read_text().startswith("topic,label,share,size,words,")
    assert run("topics", model, "--output", tmp_path / "topics.csv").code == 2
    assert "must end in .csv" in run("topics", model, "--output", tmp_path / "topics.txt").error


def test_topics_outlive_the_plugins_of_the_model(run, model, tmp_path):
    folder = tmp_path / "M"
    shutil.copytree(model, folder)
    described = json.loads((folder / "model.json").read_text())
    described["parts"]["prior"].update(name="gone", distribution="a-removed-plugin", version="9")
    (folder / "model.json").write_text(json.dumps(described))
    write_manifest(folder, MODEL)
    assert run("topics", folder).out == run("topics", model).out
    ran = run("transform", folder, "x.npz", "-o", tmp_path / "t.npy")
    assert ran.code == 1
    assert "a-removed-plugin" in ran.error


def test_more_words_than_there_are(run, model):
    assert [len(line.split()) for line in run("topics", model, "--top", 99).out.splitlines()] == [
        30
    ] * 4


def test_a_word_stays_one_word(run, tmp_path):
    """Phrases of other vectorisers may hold spaces, which the text format can't represent."""
    counts = np.random.default_rng(0).integers(1, 3, (20, 3))
    fitted = topicforge.TopicModel(n_topics=2, epochs=1, vocabulary=["new york", "a\tb", "c"])
    fitted.fit(counts).save(tmp_path / "M")
    ran = run("topics", tmp_path / "M")
    assert {word for line in ran.out.splitlines() for word in line.split(" ")} == {
        "new_york", "a_b", "c",
    }  # fmt: skip


def test_a_model_without_words_prints_columns(run, tmp_path):
    counts = np.random.default_rng(0).integers(1, 3, (20, 3))
    topicforge.TopicModel(n_topics=2, epochs=1).fit(counts).save(tmp_path / "M")
    ran = run("topics", tmp_path / "M")
    assert [sorted(line.split()) for line in ran.out.splitlines()] == [["0", "1", "2"]] * 2


def test_no_model(run, tmp_path):
    ran = run("topics", tmp_path)
    assert ran.code == 1
    assert "must be a model folder" in ran.error
