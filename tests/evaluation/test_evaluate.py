import json
import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp

from topicforge.errors import InputError, OptionError, UnknownNameError
from topicforge.evaluation import (
    METRICS,
    Score,
    Scores,
    c_v,
    evaluate,
    inverted_rbo,
    km_nmi,
    km_purity,
    nmi,
    npmi,
    npmi_window,
    perplexity,
    purity,
    topic_diversity,
    topic_uniqueness,
    u_mass,
)

VOCABULARY = [f"w{i}" for i in range(12)]
TOPICS = [VOCABULARY[:5], VOCABULARY[5:10], [*VOCABULARY[8:12], "w0"]]


@pytest.fixture(scope="module")
def corpus():
    rng = np.random.default_rng(0)
    theta = rng.dirichlet([0.3] * 3, 60)
    beta = rng.dirichlet([0.5] * 12, 3)
    bow = np.array([rng.multinomial(20, row @ beta) for row in theta])
    texts = [[str(w) for w in rng.permutation(np.repeat(VOCABULARY, row))] for row in bow]
    return {
        "vocabulary": VOCABULARY,
        "bow": sp.csr_array(bow),
        "texts": texts,
        "theta": theta,
        "labels": ["even", "odd"] * 30,
        "transform": lambda first: np.full((first.shape[0], 3), 1 / 3),
        "topic_word": beta,
        "heldout": bow,
    }


def test_all_metrics_equal_their_own_functions(corpus):
    options = {
        "npmi": {"never": 0}, "npmi_window": {"window": 4, "never": 0}, "c_v": {"window": 6},
        "u_mass": {"smoothing": 0.5, "aggregate": "sum"}, "td": {"top": 4}, "irbo": {"p": 0.5},
        "perplexity": {"seed": 3},
    }  # fmt: skip
    bow, words, texts = corpus["bow"], corpus["vocabulary"], corpus["texts"]
    labelled = corpus["theta"], corpus["labels"]
    expected = {
        "npmi": npmi(TOPICS, bow, words, top=5, never=0),
        "npmi_window": npmi_window(TOPICS, texts, top=5, window=4, never=0),
        "c_v": c_v(TOPICS, texts, top=5, window=6),
        "u_mass": u_mass(TOPICS, bow, words, top=5, smoothing=0.5, aggregate="sum"),
        "td": topic_diversity(TOPICS, top=4),
        "tu": topic_uniqueness(TOPICS, top=5),
        "irbo": inverted_rbo(TOPICS, top=5, p=0.5),
        "purity": purity(*labelled),
        "nmi": nmi(*labelled),
        "km_purity": km_purity(*labelled),
        "km_nmi": km_nmi(*labelled),
        "perplexity": perplexity(corpus["transform"], corpus["topic_word"], bow, seed=3),
    }
    chosen = [(name, options.get(name, {})) for name in METRICS if name in expected]
    scores = evaluate(TOPICS, **corpus, top=5, metrics=chosen)
    assert dict(scores) == expected
    assert list(scores) == list(expected)
    assert not scores.skipped


def test_without_inputs_what_is_left_out_says_what_it_needs():
    scores = evaluate(TOPICS, top=5)
    assert list(scores) == [name for name, spec in METRICS.items() if not spec.needs]
    assert {"td", "tu", "irbo"} <= set(scores)
    assert scores.skipped["npmi"] == "needs bow, vocabulary"
    assert scores.skipped["km_nmi"] == "needs theta, labels"
    assert scores.skipped["perplexity"] == (
        "needs completion or transform, completion or topic_word, heldout or halves"
    )
    assert "c_v not computed: needs texts" in str(scores)


def test_the_names_asked_for_in_the_order_asked_for(corpus):
    scores = evaluate(TOPICS, **corpus, top=5, metrics=["tu", "npmi", "tu"])
    assert list(scores) == ["tu", "npmi"]
    assert list(evaluate(TOPICS, top=5, metrics="td")) == ["td"]


def test_a_metric_asked_for_without_its_inputs_is_an_error(corpus):
    with pytest.raises(InputError, match="'npmi' needs vocabulary"):
        evaluate(TOPICS, bow=corpus["bow"], metrics=["npmi"], top=5)


def test_an_unknown_metric_suggests_the_nearest():
    with pytest.raises(UnknownNameError, match=r"no metric named 'nmpi'\. Did you mean .*'npmi'"):
        evaluate(TOPICS, metrics=["td", "nmpi"])


def test_texts_that_can_be_read_once_only_are_an_error(corpus):
    with pytest.raises(InputError, match="pass list"):
        evaluate(TOPICS, texts=iter(corpus["texts"]), top=5)


def test_topics_may_be_a_generator(corpus):
    scores = evaluate((topic for topic in TOPICS), **corpus, top=5, metrics=["td", "npmi"])
    assert scores["npmi"] == npmi(TOPICS, corpus["bow"], VOCABULARY, top=5)


def test_the_references_are_named(corpus):
    scores = evaluate(TOPICS, **corpus, top=5, reference="toy train", documents="toy test")
    assert scores["npmi"].reference == "toy train, 60 documents"
    assert scores["c_v"].reference == "toy train, 60 texts"
    assert scores["nmi"].reference == "toy test, 60 documents with 2 labels"
    assert scores["perplexity"].reference.startswith("toy test, 60 documents, ")


def test_json_says_all_and_is_strict(corpus):
    beta = np.zeros((3, 12))
    beta[:, 0] = 1
    scores = evaluate(
        TOPICS, **{**corpus, "topic_word": beta, "theta": None}, top=5, reference="聖經"
    )
    read = json.loads(scores.to_json(indent=2), parse_constant=pytest.fail)
    assert read["scores"]["npmi"]["value"] == scores["npmi"].value
    assert read["scores"]["npmi"]["per_topic"] == list(scores["npmi"].per_topic)
    assert read["scores"]["npmi"]["reference"] == "聖經, 60 documents"
    assert read["scores"]["perplexity"]["value"] is None, "infinite is not a JSON number"
    assert read["skipped"]["purity"] == "needs theta"
    assert scores.values_only()["perplexity"] == math.inf


def test_a_score_prints_its_provenance():
    score = Score("npmi", 0.25, (0.2, 0.3), "toy, 4 documents", 10, 5, "never -1", "Lau 2014")
    assert str(score) == (
        "npmi 0.2500 | top 5 words | reference: toy, 4 documents | window: 10 tokens"
        " | rule: never -1 | Lau 2014"
    )
    assert float(score) == 0.25
    with pytest.raises(AttributeError):
        score.value = 1.0


def test_scores_behave_like_a_read_only_dictionary():
    scores = Scores({"td": topic_diversity(TOPICS)}, {"npmi": "needs bow"})
    assert "td" in scores
    assert "npmi" not in scores
    assert scores.get("npmi") is None
    with pytest.raises(KeyError, match="npmi' was not computed: needs bow"):
        scores["npmi"]
    with pytest.raises(KeyError, match="Did you mean 'td'"):
        scores["tdd"]
    with pytest.raises(TypeError):
        scores.skipped["npmi"] = ""
    assert repr(scores) == "Scores(td=0.8000)"


def test_options_reach_their_metrics():
    with pytest.raises(OptionError, match="p must lie between"):
        evaluate(TOPICS, top=5, metrics=[("irbo", {"p": 2})])


def test_importing_the_scores_loads_no_heavy_library():
    heavy = "{'torch', 'sklearn', 'gensim'}"
    code = f"import sys, topicforge.evaluation; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_texts_may_be_other_documents_than_the_counts(corpus):
    scores = evaluate(TOPICS, **corpus, top=5, reference="counts", texts_reference="texts")
    assert scores["npmi"].reference == "counts, 60 documents"
    assert scores["c_v"].reference == "texts, 60 texts"
    assert scores["npmi_window"].reference.startswith("texts, 60 texts in ")


def test_an_unknown_option_of_a_metric_suggests_the_nearest(corpus):
    with pytest.raises(
        UnknownNameError, match=r"no option is called 'windw'\. Did you mean 'window'"
    ):
        evaluate(TOPICS, **corpus, metrics=[("c_v", {"windw": 2})])


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "int16", "int64", "float32"])
def test_whole_numbers_of_any_size_give_the_same_scores(corpus, dtype):
    # a COO matrix holds a count as the sum of its entries, which must not wrap around
    rows, columns = np.nonzero(corpus["bow"].toarray())
    ones = np.ones(200 * len(rows), dtype)
    bow = sp.coo_array((ones, (np.tile(rows, 200), np.tile(columns, 200))), shape=(60, 12))
    given = {**corpus, "bow": bow, "heldout": bow, "texts": None}
    expected = evaluate(
        TOPICS, **{**given, "bow": bow.astype(float), "heldout": bow.astype(float)}, top=5
    )
    assert dict(evaluate(TOPICS, **given, top=5)) == dict(expected)
