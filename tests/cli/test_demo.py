import importlib.util
import shlex
from pathlib import Path

import pytest

import topicforge
from topicforge.corpus import Corpus, python_docs


@pytest.fixture(autouse=True)
def one_package(monkeypatch):
    """The demo's own corpus, of one package instead of all, so that a test can wait for it."""
    numpy = Path(importlib.util.find_spec("numpy").origin).parent
    monkeypatch.setattr(python_docs, "_roots", lambda: iter([("numpy", numpy)]))


def test_the_demo_ends_with_topics_and_commands_that_work(run, tmp_path):
    output = tmp_path / "a demo"
    ran = run("demo", "--output", output, "--n-topics", 4, "--epochs", 2)
    assert ran.code == 0, ran.err
    corpus, fitted = Corpus.open(output / "corpus"), topicforge.load(output / "model")
    assert set(corpus.labels) >= {"numpy.linalg", "numpy.polynomial"}
    topics, means = (block.splitlines() for block in ran.out.rstrip().split("\n\n"))
    assert topics[0].split() == ["topic", "npmi", "mostly", "in", "words"]
    shown = {int(line.split()[0]): line.split()[3:] for line in topics[1:]}
    for k, words in enumerate(fitted.topics(8)):
        assert shown[k] == words
    coherence = [float(line.split()[1]) for line in topics[1:]]
    assert coherence == sorted(coherence, reverse=True)
    assert [line.split()[0] for line in means] == ["score", "npmi", "td", "purity", "nmi"]

    printed = run("evaluate", output / "model", "--corpus", output / "corpus", "--json").json[
        "scores"
    ]
    for line in means[1:]:
        name, value = line.split()[:2]
        assert value == f"{printed[name]['value']:.2f}"

    pasted = [line for line in ran.err.splitlines() if line.startswith("  topicforge ")]
    assert len(pasted) == 5
    for line in pasted:
        command = shlex.split(line)[1:]
        more = ["--epochs", "1"] if command[0] == "train" else []
        ran = run(*command, *more)
        assert ran.code == 0, f"{line}: {ran.err}"


def test_an_earlier_demo_stays_without_force(run, tmp_path):
    command = ["demo", "--output", tmp_path, "--n-topics", 2, "--epochs", 1, "--json"]
    printed = run(*command).json
    assert len(printed["topics"]) == 2
    assert set(printed["scores"]) == {"npmi", "td", "purity", "nmi"}
    before = (tmp_path / "model" / "model.json").read_bytes()
    ran = run(*command)
    assert ran.code == 2
    assert "--force" in ran.error
    assert (tmp_path / "model" / "model.json").read_bytes() == before
    assert run(*command, "--force").code == 0
