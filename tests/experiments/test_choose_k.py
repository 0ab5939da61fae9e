from dataclasses import replace

import pytest

from topicforge.corpus import Corpus, Counts
from topicforge.errors import InputError, OptionError, OutputError, TrainingError
from topicforge.experiments.choose_k import choose, choose_k, stability


def test_stability_matches_topics_before_it_compares_them():
    one = ([["a", "b"], ["c", "d"]], [[0.6, 0.2], [0.5, 0.5]])
    # the same topics in another order
    assert stability([one, ([["d", "c"], ["b", "a"]], [[0.5, 0.5], [0.2, 0.6]])]) == pytest.approx(
        1
    )
    # "c" alone: cosine 1 / sqrt(2); "x" in place of "b": 0.6 * 0.6 / (0.36 + 0.04) = 0.9
    other = ([["c"], ["a", "x"]], [[0.7], [0.6, 0.2]])
    assert stability([one, other]) == pytest.approx((0.5**0.5 + 0.9) / 2)
    assert stability([one]) is None
    assert stability([one, ([["e"], ["f"]], [[1.0], [1.0]])]) == 0


def record(k, seed, npmi, td=1.0, words="ab"):
    return {
        "status": "done", "n_topics": k, "seed": seed, "scores": {"npmi": npmi, "td": td, "perplexity": 20.0},
        "topics": [[word] for word in words], "weights": [[1.0]] * len(words),
        "active_topics": 2,
    }  # fmt: skip


def test_the_most_stable_of_those_near_the_best():
    records = [
        # 0.30 and 0.34: mean 0.32, standard error 0.02; half of the topics agree
        record(20, 0, 0.30), record(20, 1, 0.34, words="ac"),
        # 0.31 lies within it and agrees between seeds
        record(10, 0, 0.31), record(10, 1, 0.31),
        record(50, 0, 0.10), record(50, 1, 0.10),
    ]  # fmt: skip
    choice = choose(records)
    assert choice.n_topics == 10
    assert [row.n_topics for row in choice.table] == [10, 20, 50]
    assert choice.table[1].quality_error == pytest.approx(0.02)
    assert choice.table[0].log_likelihood == pytest.approx(-3, abs=0.01)  # ln 20
    assert (choice.table[0].stability, choice.table[1].stability) == (1, 0.5)
    assert "within one standard error (0.020) of the highest, 0.320 with K = 20" in choice.reason
    assert "1.00, against 0.50 with K = 20" in choice.reason
    assert "at the edge of what was tried: fewer topics" in choice.reason


def test_one_seed_takes_the_best_quality():
    choice = choose([record(10, 0, 0.2), record(20, 0, 0.3, td=0.5), record(30, 0, -0.1, td=0.5)])
    assert choice.n_topics == 10
    assert [row.quality for row in choice.table] == pytest.approx([0.2, 0.15, -0.1])
    assert choice.table[0].stability is None
    assert "the highest" in choice.reason


def test_failed_runs_are_left_out_and_named():
    bad = {"status": "failed", "n_topics": 20, "seed": 1, "error": "Traceback\nno memory"}
    choice = choose([record(20, 0, 0.3), bad])
    assert choice.failed == {"K = 20, seed 1": "no memory"}
    with pytest.raises(TrainingError, match="no run ended: no memory"):
        choose([bad])


@pytest.fixture
def corpus(tmp_path, lda_corpus):
    counts, _ = lda_corpus(120, 30, 3, 40, seed=0)
    words = tuple(f"word{v}" for v in range(30))
    return Corpus(Counts.from_matrix(counts, "test"), words).save(tmp_path / "corpus")


def test_what_is_wrong_is_said_before_anything_runs(corpus, tmp_path):
    with pytest.raises(OptionError, match=r"at least 1, got \[0\]"):
        choose_k(corpus, [0], tmp_path / "x")
    with pytest.raises(OptionError, match="held_out between 0 and 1"):
        choose_k(corpus, [2], tmp_path / "x", held_out=1.0)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(OutputError, match="holds 'file'"):
        choose_k(corpus, [2], tmp_path / "full")
    bare = replace(Corpus.open(corpus), vocabulary=None).save(tmp_path / "bare")
    with pytest.raises(InputError, match="must have a vocabulary"):
        choose_k(bare, [2], tmp_path / "x")
    assert not (tmp_path / "x").exists()
