"""Time to a peer's scores, at tiny size with a peer of one script; no test depends on a time."""

import importlib.util
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from topicforge.corpus import Corpus, Counts
from topicforge.evaluation import evaluate

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "peers" / "time_to_quality.py"
WORDS = [f"w{v}" for v in range(30)]
# three themes of ten words
THEMES = [WORDS[10 * k : 10 * k + 10] for k in range(3)]
STUDY = """
n_topics = [3]
seeds = [0]
[peers."a peer"]
topics = "elsewhere/{corpus}-{n_topics}-{seed}.txt"
theta = "elsewhere/{corpus}-{n_topics}-{seed}.npy"
facts = "elsewhere/{corpus}-{n_topics}-{seed}.json"
[corpora.one]
train = "train"
held_out = "test"
"""
PEER = """
import argparse, json, tomllib
import numpy as np
parser = argparse.ArgumentParser()
parser.add_argument("study")
for name in ("--peer", "--threads", "--seconds"):
    parser.add_argument(name)
given = parser.parse_args()
with open(given.study, "rb") as file:
    (corpus,), peers = (lambda s: (s["corpora"], s["peers"]))(tomllib.load(file))
paths = {k: p.format(corpus=corpus, n_topics=3, seed=0) for k, p in peers[given.peer].items()}
np.save(paths["theta"], np.eye(3, dtype=np.float32)[np.zeros(30, dtype=int)])
with open(paths["facts"], "w") as file:
    json.dump({"seconds": {"fit": float(given.seconds)}, "settings": {"threads": given.threads}}, file)
with open(paths["topics"], "w") as file:
    file.writelines(" ".join(f"w{v}" for v in range(k, 30, 3)) + "\\n" for k in range(3))
"""


@pytest.fixture(scope="module")
def race():
    spec = importlib.util.spec_from_file_location("time_to_quality", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    yield spec.loader.exec_module(module) or module
    del sys.modules[spec.name]


@pytest.fixture
def study(tmp_path):
    """Documents of one theme each, labelled with it."""
    rng = np.random.default_rng(0)
    for name, n in (("train", 90), ("test", 30)):
        labels = np.arange(n) % 3
        counts = np.zeros((n, 30), dtype=np.int64)
        for row, label in zip(counts, labels, strict=True):
            row[10 * label : 10 * label + 10] = rng.multinomial(12, np.full(10, 0.1))
        chosen = Counts.from_matrix(counts, "test")
        Corpus(chosen, tuple(WORDS), tuple(f"l{k}" for k in labels)).save(tmp_path / name)
    (tmp_path / "study.toml").write_text(STUDY, encoding="utf-8")
    return tmp_path / "study.toml"


def npmi(study, topics):
    bow = Corpus.open(study.with_name("train")).counts.to_scipy()
    held = {"bow": bow, "vocabulary": WORDS, "reference": "train"}
    return evaluate(topics, metrics=["npmi"], **held)["npmi"].value


def finished(folder, topics, theta, seconds):
    """A peer's files, as its script leaves them."""
    folder.mkdir()
    lines = "".join(" ".join(topic) + "\n" for topic in topics)
    (folder / "one-3-0.txt").write_text(lines, encoding="utf-8")
    np.save(folder / "one-3-0.npy", theta.astype(np.float32))
    (folder / "one-3-0.json").write_text(json.dumps({"seconds": {"fit": seconds}}))
    return str(folder)


def test_reached_means_as_much_of_every_score_there_is(race):
    peer = {"npmi": 0.25, "nmi": 0.5}
    assert race.reached({"npmi": 0.25, "nmi": 0.5}, peer)
    assert not race.reached({"npmi": 0.9, "nmi": 0.4999}, peer)
    assert not race.reached({"npmi": 0.2499, "nmi": 0.9}, peer)
    assert race.reached({"npmi": 0.3, "nmi": None}, {"npmi": 0.25, "nmi": None})
    assert not race.reached({"npmi": None, "nmi": 0.9}, peer)
    assert not race.reached({"npmi": 0.9, "nmi": 0.9}, {"npmi": None, "nmi": None})


def test_the_ratio_and_what_is_not_reached(race):
    low, high = {"npmi": 0.1, "nmi": 0.1}, {"npmi": 0.2, "nmi": 0.2}
    fast = race.Row("a", low, 40.0, high, 1, 2.0)
    slow = race.Row("b", low, 39.0, high, 1, 2.0)
    never = race.Row("c", high, 4000.0, low, 20, 2.0)
    assert (fast.ratio, slow.ratio) == (20.0, 19.5)
    assert math.isnan(never.ratio)
    assert [row.cells()[-1] for row in (fast, slow, never)] == ["20.0", "19.5", "not reached"]
    assert "| a | 0.100 | 0.100 | 40.00 | 0.200 | 0.200 | 1 | 2.00 | 20.0 |" in race.table([fast])


def test_it_runs_the_peer_and_stops_at_the_first_fit_that_has_its_scores(race, study, capsys):
    """Topics that mix the themes, and one topic for all documents: nmi 0."""
    peer = study.with_name("peer.py")
    peer.write_text(PEER, encoding="utf-8")
    (row,) = race.main(
        [str(study), "--peer", "a peer", "--script", str(peer), "--epochs", "1,2",
         "--", "--seconds", "1e9"]
    )  # fmt: skip
    mixed = npmi(study, [WORDS[k::3] for k in range(3)])
    assert row.peer == {"npmi": pytest.approx(mixed), "nmi": pytest.approx(0)}
    assert row.ours["npmi"] > 0 > mixed
    assert row.ours["nmi"] > 0.5
    assert (row.peer_seconds, row.epochs, row.reached) == (1e9, 1, True)
    assert row.ratio == 1e9 / row.seconds
    assert not (study.parent / "elsewhere").exists()
    assert capsys.readouterr().out.rstrip().endswith(f"| {row.seconds:.2f} | {row.ratio:.1f} |")


def test_a_peer_that_is_never_reached_is_compared_with_every_fit(race, study, monkeypatch):
    """The peer has the planted topics, nmi 1; the scores of our fits are made up and lower."""
    labels = np.arange(30) % 3
    folder = finished(study.with_name("out"), THEMES, np.eye(3)[labels], 1e9)
    tried = []
    monkeypatch.setattr(
        race, "fits", lambda _, epochs: (tried.append(e) or (e, 1.0, low) for e in epochs)
    )
    low = {"npmi": 0.0, "nmi": 0.5}
    (row,) = race.main([str(study), "--peer", "a peer", "--peer-output", folder, "--epochs", "1,3"])
    assert tried == [1, 3]
    assert row.peer == {"npmi": pytest.approx(npmi(study, THEMES)), "nmi": pytest.approx(1)}
    assert (row.epochs, row.ours, row.cells()[-1]) == (3, low, "not reached")


def test_what_is_not_there(race, study):
    folder = finished(study.with_name("out"), THEMES, np.ones((30, 3)) / 3, 1.0)
    (Path(folder) / "one-3-0.json").write_text("{}")
    with pytest.raises(SystemExit, match=r"seconds\.fit"):
        race.main([str(study), "--peer", "a peer", "--peer-output", folder])
    with pytest.raises(SystemExit, match=r"no table \[peers\.lda\]"):
        race.main([str(study), "--peer", "lda"])
    with pytest.raises(SystemExit, match="no corpus 'two'"):
        race.main([str(study), "--peer", "a peer", "--corpora", "one,two"])
