import numpy as np
import pytest

import topicforge
from topicforge.corpus import Corpus
from topicforge.evaluation import METRICS, evaluate

#: metrics by what they need: a model and a corpus folder, topics alone
OF_BOTH, OF_TOPICS = (
    [name for name, spec in METRICS.items() if set(spec.needs) <= inputs]
    for inputs in ({"bow", "vocabulary", "theta", "labels"}, set())
)


@pytest.fixture
def expected(corpus, model):
    documents, fitted = Corpus.open(corpus), topicforge.load(model)
    return evaluate(
        fitted.topics(25), bow=documents.counts.to_scipy(), vocabulary=documents.vocabulary,
        labels=documents.labels, theta=fitted.transform(documents),
        metrics=OF_BOTH,
        reference=documents.name, documents=documents.name,
    ).to_dict()["scores"]  # fmt: skip


def test_a_model_by_every_score(run, corpus, model, expected):
    printed = run("evaluate", model, "--corpus", corpus, "--json").json
    perplexity = printed["scores"].pop("perplexity")
    assert printed["scores"] == expected
    # halves of documents drawn from 30 words: worse than knowing nothing would be above 30
    assert 1 < perplexity["value"] < 30
    assert {"npmi", "u_mass", "td", "tu", "irbo", "purity", "nmi", "km_purity", "km_nmi"} <= set(
        expected
    )
    texts = dict.fromkeys(("npmi_window", "c_v"), "needs --texts")
    assert printed["skipped"] == {**texts, "wec": "needs --vectors"}


def test_the_table_says_value_and_provenance(run, corpus, model, expected):
    ran = run("evaluate", model, "--corpus", corpus)
    rows = {line.split()[0]: line for line in ran.out.splitlines()}
    for name, score in expected.items():
        assert f"{score['value']:.4f}" in rows[name]
        assert score["rule"] in rows[name]
    assert "left out: npmi_window, c_v (needs --texts)" in ran.err


def test_words_in_another_ranking(run, corpus, model):
    printed = run("evaluate", model, "--corpus", corpus, "--ranking", "lift", "--json").json
    documents, fitted = Corpus.open(corpus), topicforge.load(model)
    expected = evaluate(
        fitted.topics(25, ranking="lift"), bow=documents.counts.to_scipy(),
        vocabulary=documents.vocabulary, metrics=["npmi"],
    )  # fmt: skip
    assert printed["scores"]["npmi"]["value"] == expected["npmi"].value
    assert printed["ranked_by"] == fitted.ranked_by("lift")


def test_chosen_scores(run, corpus, model, expected):
    printed = run(
        "evaluate", model, "--corpus", corpus, "--metric", "td", "--metric", "npmi", "--json"
    ).json
    assert printed["scores"] == {name: expected[name] for name in ("td", "npmi")}
    ran = run("evaluate", model, "--metric", "npmy")
    assert ran.code == 2
    assert "npmi" in ran.error


def test_without_a_corpus_topics_alone_are_scored(run, model):
    printed = run("evaluate", model, "--json").json
    assert set(printed["scores"]) == set(OF_TOPICS)
    assert {"td", "tu", "irbo"} <= set(OF_TOPICS)
    assert printed["skipped"]["npmi"] == "needs --corpus"
    assert printed["skipped"]["purity"] == "needs a model or --theta, labels in --corpus"


def test_topics_of_another_program(run, files, corpus, model, expected, tmp_path):
    (tmp_path / "topics.txt").write_text(run("topics", model, "--top", 25).out)
    run("transform", model, corpus, "-o", tmp_path / "theta.npy")
    files_of_theirs = [
        "--topics", tmp_path / "topics.txt", "--theta", tmp_path / "theta.npy", "--json",
    ]  # fmt: skip
    printed = run("evaluate", *files_of_theirs, "--corpus", corpus).json
    assert printed["scores"] == expected
    printed = run(
        "evaluate", *files_of_theirs, "--corpus", files / "counts.npz", "--vocab",
        files / "vocab.txt", "--labels", files / "labels.txt",
    ).json  # fmt: skip
    assert {name: score["value"] for name, score in printed["scores"].items()} == {
        name: score["value"] for name, score in expected.items()
    }


def test_short_topics_are_scored_by_the_words_they_have(run, corpus, tmp_path):
    (tmp_path / "topics.txt").write_text("qaa qab qac\n\nwad qae qaf qag\n")
    printed = run(
        "evaluate", "--topics", tmp_path / "topics.txt", "--corpus", corpus, "--json"
    ).json
    assert printed["scores"]["npmi"]["top"] == 3
    assert printed["scores"]["td"]["value"] == 1
    assert "the topics have 3 to 4: all of them counted" in printed["scores"]["td"]["rule"]
    ran = run("evaluate", "--topics", tmp_path / "topics.txt", "--corpus", corpus, "--top", 10)
    assert ran.code == 1
    assert "10 are needed" in ran.error


def test_another_reference_and_windows(run, corpus, tmp_path):
    (tmp_path / "texts.txt").write_text("qaa qab qac qad\n" * 3 + "qab qae\n")
    run("corpus", "build", tmp_path / "texts.txt", "--vocab", corpus / "vocabulary.txt", "-o",
        tmp_path / "R", "--name", "elsewhere")  # fmt: skip
    (tmp_path / "topics.txt").write_text("qaa qab\nwac qae\n")
    printed = run(
        "evaluate", "--topics", tmp_path / "topics.txt", "--corpus", corpus, "--reference",
        tmp_path / "R", "--texts", tmp_path / "texts.txt", "--metric", "npmi", "--metric",
        "npmi_window", "--json",
    ).json["scores"]  # fmt: skip
    assert "elsewhere" in printed["npmi"]["reference"]
    assert "texts.txt" in printed["npmi_window"]["reference"]
    # by hand, 4 documents: qaa, qab together in 3 of 4, p(qaa) = 3/4, p(qab) = 1: ln 1 / -ln(3/4);
    # qac and qae never
    np.testing.assert_allclose(printed["npmi"]["per_topic"], [0, -1], atol=1e-12)
    np.testing.assert_allclose(printed["npmi_window"]["per_topic"], [0, -1], atol=1e-12)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["M", "--topics", "t.txt"],
        ["M", "--theta", "t.npy"],
        ["--topics", "t.txt", "--labels", "l.txt"],
        ["--topics", "t.txt", "--ranking", "lift"],
    ],
)
def test_options_that_do_not_go_together(run, arguments):
    assert run("evaluate", *arguments).code == 2


def test_unreadable_files(run, corpus, model, tmp_path):
    (tmp_path / "topics.txt").write_bytes(b"\xff\xfe")
    ran = run("evaluate", "--topics", tmp_path / "topics.txt")
    assert ran.code == 1
    assert "UTF-8" in ran.error
    (tmp_path / "topics.txt").write_text("qaa qab\n")
    (tmp_path / "theta.npy").write_bytes(b"\x93NUMPY")
    ran = run(
        "evaluate", "--topics", tmp_path / "topics.txt", "--corpus", corpus, "--theta",
        tmp_path / "theta.npy",
    )  # fmt: skip
    assert ran.code == 1
    assert "theta.npy" in ran.error
    (tmp_path / "topics.txt").write_text("")
    assert run("evaluate", "--topics", tmp_path / "topics.txt").code == 1
    ran = run("evaluate", model, "--corpus", corpus, "--vocab", corpus / "vocabulary.txt")
    assert ran.code == 1
    assert "--vocab" in ran.error


def test_columns_of_other_words_are_refused(run, model, corpus, tmp_path):
    (tmp_path / "texts.txt").write_text("one two three\n")
    run("corpus", "build", tmp_path / "texts.txt", "--language", "any", "-o", tmp_path / "C")
    ran = run("evaluate", model, "--corpus", tmp_path / "C")
    assert ran.code == 1
    assert "vocabulary.txt" in ran.error
    # as a reference it may have any words, as long as the topics' are among them
    run("corpus", "build", corpus / "vocabulary.txt", "-o", tmp_path / "R")
    assert run("evaluate", model, "--corpus", corpus, "--reference", tmp_path / "R").code == 0


def test_word_vectors(run, corpus, model, tmp_path):
    words = Corpus.open(corpus).vocabulary
    lines = "".join(f"{w} {v % 3} 1\n" for v, w in enumerate(words))
    (tmp_path / "glove.txt").write_text(lines)
    told = run(
        "evaluate", model, "--corpus", corpus, "--vectors", tmp_path / "glove.txt", "--json"
    ).json
    vectors = np.array([[v % 3, 1.0] for v in range(len(words))])
    expected = evaluate(
        topicforge.load(model).topics(25), vocabulary=words, word_vectors=vectors, metrics="wec"
    )
    assert told["scores"]["wec"]["value"] == pytest.approx(expected["wec"].value, rel=1e-6)
    assert run("evaluate", model, "--vectors", tmp_path / "glove.txt").code == 2
