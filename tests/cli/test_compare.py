"""The command alone; what it stands on is held in tests/compare."""

import numpy as np
import pytest

from topicforge.corpus import Corpus, Counts

STUDY = """
n_topics = 3
[corpora.first]
train = "first"
[corpora.second]
train = "second"
[compositions.fast]
preset = "nvdm-gsm"
epochs = 1
[grid]
encoder = ["mlp-point"]
divergence = ["kl", "mmd"]
epochs = 1
"""


@pytest.fixture
def place(tmp_path, planted):
    words = tuple(f"word{v}" for v in range(30))
    labels = tuple(str(d % 3) for d in range(300))
    for seed, name in enumerate(("first", "second")):
        rows = np.random.default_rng(seed).permutation(300)
        chosen = Counts.from_matrix(planted[0][rows], "test")
        Corpus(chosen, words, tuple(labels[i] for i in rows)).save(tmp_path / name)
    (tmp_path / "study.toml").write_text(STUDY)
    return tmp_path


def test_tables_pictures_and_a_second_run_that_runs_nothing(place, run):
    first = run("compare", place / "study.toml", "--output", place / "out")
    assert first.code == 0
    assert "FIRST, K = 3" in first.out
    assert "MEAN RANK OVER CORPORA" in first.out
    assert "left out mlp-point+kl" in first.err
    assert "4/4" in first.err
    files = {path.name for path in (place / "out").iterdir()}
    assert files >= {
        "results.json",
        "results.parquet",
        "topics.parquet",
        "summary.md",
        "pareto.png",
    }
    assert files >= {f"ranks-{metric}.png" for metric in ("npmi", "td", "purity", "nmi")}
    again = run("compare", place / "study.toml", "--output", place / "out", "--json")
    assert "4 known already" in again.err
    assert "1/4" not in again.err
    lines = again.json["lines"]
    assert {(line["corpus"], line["contestant"]) for line in lines} == {
        (corpus, name) for corpus in ("first", "second") for name in ("fast", "mlp-point+mmd")
    }


def test_a_failed_cell_is_told_and_coded(place, run):
    text = STUDY[: STUDY.index("[grid]")].replace("epochs = 1", "epochs = 20\nlearning_rate = 1e30")
    (place / "study.toml").write_text(text)
    ran = run("compare", place / "study.toml", "--output", place / "out")
    assert ran.code == 1
    assert "2 cells failed" in ran.err
    assert "must be finite" in (place / "out" / "summary.md").read_text()
