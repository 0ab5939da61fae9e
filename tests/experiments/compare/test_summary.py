import numpy as np
import pytest

from topicforge.evaluation import MetricSpec
from topicforge.experiments.compare import by_relevance, summarise
from topicforge.experiments.compare.markdown import markdown
from topicforge.experiments.compare.plots import critical_difference, curves, front, pareto
from topicforge.registry import default_registry


def record(corpus, contestant, seed, npmi, td=0.5, n_topics=5, **more):
    return {
        "corpus": corpus, "contestant": contestant, "n_topics": n_topics, "seed": seed,
        "status": "done", "error": None, "scores": {"npmi": npmi, "td": td},
        "seconds": {"fit": 2.0}, "active_topics": 4, **more,
    }  # fmt: skip


@pytest.fixture
def records():
    return [
        record("x", "a", 0, 0.1), record("x", "a", 1, 0.3), record("x", "b", 0, 0.5, 0.9),
        record("y", "a", 0, 0.4, 0.8), record("y", "b", 0, 0.3, None),
        record("x", "c", 0, 0.9), record("y", "c", 0, 0.0) | {"status": "failed", "error": "no luck"},
    ]  # fmt: skip


def test_means_deviations_and_ranks(records):
    summary = summarise(records, ["npmi", "td"])
    first = summary.of("x", 5)[0]
    assert (first.contestant, first.runs, first.seconds) == ("a", 2, 2.0)
    assert first.mean["npmi"] == pytest.approx(0.2)
    assert first.deviation["npmi"] == pytest.approx(np.std([0.1, 0.3], ddof=1))
    # c has no value on y, so it takes no part; a is second on x and first on y
    assert summary.left_out["npmi"] == ("c",)
    assert dict(zip(summary.ranks["npmi"].names, summary.ranks["npmi"].mean_ranks, strict=True)) == {
        "a": 1.5, "b": 1.5,
    }  # fmt: skip
    assert "td" not in summary.ranks  # only a is scored on both
    assert summary.failed == (("y, c, K = 5, seed 0", "no luck"),)


def test_a_metric_of_which_less_is_better_ranks_the_other_way(monkeypatch):
    values = {"a": 100.0, "b": 200.0}
    kept = [
        record(corpus, name, 0, 0.1)
        | {"scores": {"perplexity": value, "npmi": value, "odd": value}}
        for corpus in "xyz"
        for name, value in values.items()
    ]
    odd = MetricSpec("odd", len, summary="no direction", source="this test")
    monkeypatch.setitem(default_registry()._named["metric"], "odd", [odd])
    ranks = summarise(kept, ["perplexity", "npmi", "odd"]).ranks
    assert ranks["perplexity"].names == ("a", "b")
    assert ranks["npmi"].names == ("b", "a")
    assert "odd" not in ranks


def test_several_numbers_of_topics_make_one_block_a_corpus():
    kept = [
        record(corpus, name, 0, value + k / 100, n_topics=k)
        for corpus in "xyz"
        for k in (5, 10)
        for name, value in (("a", 0.1), ("b", 0.2))
    ]
    summary = summarise(kept, ["npmi"])
    assert summary.ranks["npmi"].n_blocks == 3
    assert summary.ranks["npmi"].mean_ranks == (1.0, 2.0)


def test_markdown_says_all(records):
    text = markdown(summarise(records, ["npmi", "td"]), {"p+kl": "no density"})
    for told in (
        "| a | 0.200 ± 0.141 | 0.500 ± 0.000 | 4 | 2.0 | 2 |", "| b | 0.300 | – | 4 | 2.0 | 1 |",
        "y, c, K = 5, seed 0: no luck", "p+kl: no density", "without a value everywhere: c",
    ):  # fmt: skip
        assert told in text


def test_the_front_has_what_nothing_beats():
    assert front([(0.0, 1.0), (1.0, 0.0), (0.5, 0.5), (0.4, 0.4), (0.5, 0.2)]) == [0, 2, 1]
    assert front([(1.0, 1.0), (1.0, 1.0)]) == [0, 1]


def test_pictures_are_written(records, tmp_path):
    summary = summarise(records, ["npmi", "td"])
    assert pareto(summary, tmp_path / "pareto.svg")
    drawn = (tmp_path / "pareto.svg").read_text()
    assert drawn.count('id="axes_') == 2
    critical_difference(summary.ranks["npmi"], "npmi", tmp_path / "ranks.svg")
    assert (tmp_path / "ranks.svg").stat().st_size > 0
    assert not pareto(summarise(records, ["npmi"]), tmp_path / "none.svg")
    assert not (tmp_path / "none.svg").exists()


def test_one_order_for_all_and_scores_at_equal_diversity(records):
    curve = {"1": (0.1, 0.4), "0.6": (0.3, 0.7), "0.2": (0.2, 0.9)}
    told = {k: {"npmi": npmi, "td": td} for k, (npmi, td) in curve.items()}
    low = {k: {"npmi": 0.5, "td": 0.3} for k in curve}
    kept = [r | {"relevance": low if r["contestant"] == "b" else told} for r in records]
    common, equal = by_relevance(kept, ["npmi", "td", "purity"])
    assert common.metrics == ("npmi", "td")
    assert common.order == "relevance, lambda = 0.6"
    assert common.of("x", 5)[0].mean == {"npmi": 0.3, "td": 0.7}
    # halfway between td 0.7 and 0.9; b never gets there
    assert equal.of("x", 5)[0].mean["npmi"] == pytest.approx(0.25)
    assert equal.of("x", 5)[1].mean["npmi"] is None
    text = markdown(summarise(kept, ["npmi"]), {}, [common, equal])
    assert "## x, K = 5: relevance, at td = 0.8" in text
    assert by_relevance(records, ["npmi"]) == []


def test_chance_is_shown_and_not_ranked(records):
    chance = [record(corpus, "chance", 0, -0.9) for corpus in "xy"]
    summary = summarise(records + chance, ["npmi"])
    assert "chance" in {line.contestant for line in summary.lines}
    assert "chance" not in summary.ranks["npmi"].names


def test_curves_are_drawn_a_line_a_contestant(records, tmp_path):
    told = {"1": {"npmi": 0.1, "td": 0.4}, "0": {"npmi": 0.3, "td": 0.7}}
    kept = [r | {"relevance": told} for r in records]
    assert curves(kept, tmp_path / "curves.svg", "npmi")
    assert (tmp_path / "curves.svg").read_text().count('id="axes_') == 2
    assert not curves(kept, tmp_path / "none.svg", "wec")
    assert not curves(records, tmp_path / "none.svg", "npmi")
    assert not (tmp_path / "none.svg").exists()
