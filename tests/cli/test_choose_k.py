import json

import numpy as np
import pytest

from topicforge.corpus import Corpus, Counts
from topicforge.errors import OptionError
from topicforge.experiments.choose_k import choose_k


@pytest.fixture
def corpus(tmp_path, lda_corpus):
    counts, _ = lda_corpus(120, 30, 3, 40, seed=0)
    words = tuple(f"word{v}" for v in range(30))
    return Corpus(Counts.from_matrix(counts, "test"), words).save(tmp_path / "corpus")


def test_a_choice_from_the_command_line_to_files(corpus, tmp_path, run):
    output = tmp_path / "choice"
    command = (
        "choose-k",
        corpus,
        "--topics",
        "2,3",
        "--seeds",
        2,
        "--epochs",
        2,
        "-o",
        output,
        "-j",
        1,
    )
    ran = run(*command)
    assert ran.code == 0, ran.err
    assert [line.split()[0] for line in ran.out.splitlines()] == ["n_topics", "2", "3"]
    choice = json.loads((output / "choice.json").read_text())
    assert choice["n_topics"] in (2, 3)
    assert f"take K = {choice['n_topics']}. Coherence" in ran.err
    for row in choice["table"]:
        assert row["seeds"] == 2
        assert -np.log(30) * 2 < row["log_likelihood"] < 0
        assert 0 < row["stability"] <= 1
    assert (output / "table.csv").read_text().startswith("n_topics,seeds,coherence,")
    assert (output / "scores.png").read_bytes().startswith(b"\x89PNG")
    held_out = Corpus.open(output / "documents" / "held-out")
    assert held_out.n_documents == 12
    # what is done is not run again
    again = run(*command, "--json")
    assert again.json == choice
    assert "1/4" not in again.err

    with pytest.raises(OptionError, match="begun with other documents or another share"):
        choose_k(corpus, [2], output, held_out=0.5)


def test_numbers_that_are_none(run, corpus, tmp_path):
    ran = run("choose-k", corpus, "--topics", "2,many", "-o", tmp_path / "x")
    assert ran.code == 2
    assert "separated by commas" in ran.err
