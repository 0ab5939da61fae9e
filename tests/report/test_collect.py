"""What the report holds, against values worked by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from topicforge import TopicModel
from topicforge.corpus import Counts
from topicforge.report import Documents, collect
from topicforge.report.collect import LAMBDAS, compact, relevant_words, sample


def test_words_are_ranked_by_relevance():
    topic_word = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]], dtype=np.float32)
    words, p, lists = relevant_words(topic_word, np.array([70.0, 20.0, 10.0]))
    assert words == [0, 1, 2]
    assert p == pytest.approx([0.7, 0.2, 0.1])
    assert lists[0]["w"].tolist() == [0, 1, 2]
    assert lists[0]["p"] == pytest.approx([0.6, 0.3, 0.1])


def test_every_position_of_the_slider_has_its_best_words():
    rng = np.random.default_rng(0)
    topic_word = rng.dirichlet(np.full(400, 0.1), 3).astype(np.float32)
    totals = rng.integers(0, 50, 400).astype(float)
    words, p, lists = relevant_words(topic_word, totals)
    for k, one in enumerate(lists):
        chosen = {words[w] for w in one["w"]}
        assert all(totals[v] for v in chosen)
        for share in LAMBDAS:
            p_corpus = np.maximum(totals, 1e-9) / totals.sum()
            log = np.log(topic_word[k].astype(float)) - (1 - share) * np.log(p_corpus)
            log[totals == 0] = -np.inf
            assert {*np.argsort(-log)[:30].tolist()} <= chosen
    assert p == pytest.approx(totals[words] / totals.sum())


def documents(theta, empty=(), **more):
    rows = np.ones((len(theta), 2))
    rows[list(empty)] = 0
    return Documents(Counts.from_matrix(sp.csr_array(rows)), np.array(theta, np.float32), **more)


def test_documents_that_stand_for_a_topic_are_shown_first():
    theta = [[0.9, 0.1], [0.8, 0.2], [0.5, 0.5], [0.3, 0.7], [0.0, 1.0], [0.2, 0.8]]
    shown, of_topics = sample(documents(theta, empty=[4]), 4)
    assert [[shown[at] for at in row] for row in of_topics] == [[0], [5]]
    assert len(shown) == 4
    assert 4 not in shown  # it has no word
    shown, of_topics = sample(documents(theta), 100)
    assert shown == [0, 1, 2, 3, 4, 5]
    assert of_topics[1] == [4, 5, 3, 2, 1, 0]


def test_more_topics_than_documents_in_the_file():
    theta = np.eye(50)
    shown, of_topics = sample(documents(theta), 10)
    assert len(shown) == 10
    assert len(of_topics) == 50
    assert sum(map(len, of_topics)) == 10


def test_without_words_no_document_is_shown():
    shown, of_topics = sample(documents([[1.0, 0.0]] * 3, empty=[0, 1, 2]), 10)
    assert shown == []
    assert of_topics == [[], []]


def test_numbers_have_four_digits_and_json_has_no_nan():
    found = compact({"a": np.array([1.23456, np.nan, 2.0]), "b": (np.int64(3), "x"), "c": np.inf})
    assert json.dumps(found) == '{"a": [1.235, null, 2], "b": [3, "x"], "c": null}'


@pytest.fixture(scope="module")
def collected(planted):
    pytest.importorskip("plotly", reason="needs the extra plot")
    counts = Counts.from_matrix(planted[0])
    model = TopicModel(n_topics=3, epochs=2, seed=5).fit(counts)
    labels = [None if n % 3 == 0 else f"label {n % 3}" for n in range(300)]
    about = Documents(
        counts, model.transform(counts), labels=labels, times=[2000 + n % 4 for n in range(300)]
    )
    with pytest.warns(UserWarning, match="100 of 300 documents have no label"):
        return collect(model, model._topics(), about, title="planted", n_documents=40)


def test_everything_is_there(collected):
    json.dumps(collected, allow_nan=False)
    assert collected["about"]["documents"] == 300
    assert len(collected["documents"]["text"]) == collected["about"]["shown"] == 40
    assert {*collected["figures"]} == {
        "topics", "documents", "classes", "time", "correlation", "hierarchy", "training",
    }  # fmt: skip
    assert sum(row["size"] for row in collected["topics"]) == 300
    assert sum(row["share"] for row in collected["topics"]) == pytest.approx(1, abs=1e-3)
    assert {score["name"] for score in collected["scores"]} >= {"npmi", "td", "nmi", "perplexity"}
    heat = collected["figures"]["classes"]["data"][0]
    assert len(heat["z"]) == len(heat["y"]) == 2
    assert all(score["rule"] and score["source"] for score in collected["scores"])


def test_documents_are_shown_by_their_words_without_texts(collected, planted):
    first = planted[0].toarray()[collected["documents"]["number"][0]]
    words = collected["documents"]["text"][0].split()
    assert first[int(words[0])] == first.max()
    assert len(words) == (first > 0).sum()


def test_the_composition_has_equations_and_the_call_repeats_the_model(collected):
    rows = {row["what"]: row for row in collected["composition"]}
    assert rows["decoder"]["formula"].startswith("p(x) = theta beta")
    assert rows["divergence"]["formula"].startswith("KL(q || p) = E_q[log q - log p]")
    assert "training__precision = 'float32'" in rows["training"]["options"]
    call = collected["reproduce"]["call"]
    assert all(f"    {given},\n" in call for given in ("n_topics=3", "epochs=2", "seed=5"))
    assert {"topicforge", "torch", "Python"} <= {*collected["reproduce"]["versions"]}


@pytest.mark.parametrize("hidden", [{1}, {0, 1, 2}])
def test_hidden_topics_are_left_out(planted, hidden):
    pytest.importorskip("plotly", reason="needs the extra plot")
    counts = Counts.from_matrix(planted[0])
    model = TopicModel(n_topics=3, epochs=1).fit(counts)
    topics = replace(model._topics(), hidden=frozenset(hidden))
    about = Documents(counts, model.transform(counts), labels=["a", "b"] * 150)
    if len(hidden) == 3:
        about = replace(about, labels=None)
    data = collect(model, topics, about, title="planted", n_documents=10)
    left = [k for k in range(3) if k not in hidden]
    assert [row["topic"] for row in data["topics"]] == left
    assert all(sorted(row) == left for row in data["documents"]["topics"])
    assert data["figures"]["topics"]["data"][0]["customdata"] == left
    assert len(data["figures"]["correlation"]["data"][0]["x"]) == len(left)
    assert len(data["figures"]["hierarchy"]["layout"]["yaxis"]["ticktext"]) == len(left)
