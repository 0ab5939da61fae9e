import json

import pytest

import topicforge
from topicforge import TopicModel

TEXTS = ["ball game team", "game ball score", "vote party law", "law vote senate"] * 10


@pytest.fixture
def fitted(tmp_path):
    TopicModel(n_topics=3, epochs=2, seed=0).fit(TEXTS).save(tmp_path / "M")
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in TEXTS))
    return tmp_path


def test_documents(run, fitted):
    model = topicforge.load(fitted / "M")
    ran = run("documents", fitted / "M", fitted / "texts.txt", "--json")
    assert ran.json == model.document_table(TEXTS).to_dicts()
    ran = run("documents", fitted / "M", fitted / "texts.txt", "--topic", 1, "-n", 2)
    lines = ran.out.splitlines()
    best = model.topic_documents(1, 2, TEXTS)
    assert lines[0].split() == ["document", "topic", "share", "label", "text"]
    assert [line.split()[:2] for line in lines[1:]] == [[str(row.document), "1"] for row in best]
    assert lines[1].endswith(best[0].text)
    assert (
        "numbered 0 to 2, got 9"
        in run("documents", fitted / "M", fitted / "texts.txt", "--topic", 9).error
    )


def test_texts_cannot_command_the_terminal(run, fitted):
    (fitted / "texts.txt").write_text("ball \x1b[2J game\n")
    ran = run("documents", fitted / "M", fitted / "texts.txt")
    assert "\x1b" not in ran.out
    assert "ball \\x1b[2J game" in ran.out


@pytest.mark.filterwarnings("default:TopicModel.find_topics")
def test_find(run, fitted):
    model = topicforge.load(fitted / "M")
    ran = run("find", fitted / "M", "ball game", "-n", 2, "--json")
    assert ran.json == model.find_topics("ball game", 2).to_dicts()
    ran = run("find", fitted / "M", "umpire ball")
    assert "lacks 'umpire'" in ran.err
    assert ran.out.splitlines()[0].split() == ["topic", "score", "label", "words"]
    assert "Did you mean 'ball'" in run("find", fitted / "M", "balls").error
    run("find", fitted / "M", "ball", "-o", fitted / "found.json")
    assert [row["topic"] for row in json.loads((fitted / "found.json").read_text())] == [
        row.topic for row in model.find_topics("ball")
    ]
