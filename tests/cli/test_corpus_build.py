import numpy as np
import pytest
import scipy.sparse as sp

from topicforge.corpus import Corpus


def build(run, files, output, *more):
    return run(
        "corpus", "build", files / "counts.npz", "--vocab", files / "vocab.txt",
        "--labels", files / "labels.txt", "--output", output, *more,
    )  # fmt: skip


def test_counts_with_words_and_labels(run, files, planted, tmp_path):
    ran = build(run, files, tmp_path / "CORPUS")
    assert ran.code == 0
    assert ran.out == ""
    assert "300 documents, 30 words" in ran.err
    assert "3 labels" in ran.err
    corpus = Corpus.open(tmp_path / "CORPUS", verify=True)
    np.testing.assert_array_equal(corpus.counts.to_scipy().toarray(), planted[0].toarray())
    assert list(corpus.vocabulary) == (files / "vocab.txt").read_text().split()
    assert list(corpus.labels) == (files / "labels.txt").read_text().split()


def test_texts_of_a_table(run, files, planted, tmp_path):
    ran = run(
        "corpus", "build", files / "texts.jsonl", "--text-column", "body",
        "--label-column", "label", "--language", "en", "--max-df", "1.0", "--min-df", "1",
        "--output", tmp_path / "C", "--json",
    )  # fmt: skip
    assert ran.code == 0
    assert ran.json["documents"] == 300
    assert ran.json["labels"] == 3
    corpus = Corpus.open(tmp_path / "C")
    columns = [(files / "vocab.txt").read_text().split().index(word) for word in corpus.vocabulary]
    np.testing.assert_array_equal(
        corpus.counts.to_scipy().toarray(), planted[0].toarray()[:, columns]
    )
    assert ran.json["vocab_size"] == corpus.vocab_size
    assert ran.json["entries"] == planted[0].nnz


def test_reuters_by_name(run, tmp_path):
    pytest.importorskip("lda", reason="needs the PyPI package lda")
    ran = run("corpus", "build", "reuters", "-o", tmp_path / "C", "--json")
    assert (ran.json["documents"], ran.json["vocab_size"]) == (395, 4258)


def test_options_reach_the_reader(run, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("The New York Times\nthe new city of New York\nOF\n")
    ran = run(
        "corpus", "build", texts, "--language", "en", "--keep-stop-words", "--keep-case",
        "--ngram", "2", "--max-features", "3", "--drop-empty", "--name", "papers",
        "-o", tmp_path / "C", "--json",
    )  # fmt: skip
    assert ran.code == 0
    corpus = Corpus.open(tmp_path / "C")
    assert corpus.name == "papers"
    assert set(corpus.vocabulary) == {"New", "York", "New_York"}
    assert corpus.n_documents == 2


def test_what_is_there_stays_without_force(run, files, tmp_path):
    output = tmp_path / "C"
    build(run, files, output)
    before = (output / "corpus.json").read_bytes()
    ran = build(run, files, output)
    assert ran.code == 2
    assert "--force" in ran.error
    # a build that fails leaves the old corpus whole, even when it may be replaced
    (tmp_path / "wrong.txt").write_text("only one word\n")
    ran = run(
        "corpus", "build", files / "counts.npz", "--vocab", tmp_path / "wrong.txt",
        "--output", output, "--force",
    )  # fmt: skip
    assert ran.code == 1
    assert (output / "corpus.json").read_bytes() == before
    assert Corpus.open(output, verify=True).labels is not None
    ran = run("corpus", "build", files / "counts.npz", "--output", output, "--force")
    assert ran.code == 0
    assert Corpus.open(output).labels is None


def test_a_foreign_folder_is_never_replaced(run, files, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    ran = build(run, files, tmp_path, "--force")
    assert ran.code == 2
    assert "other files" in ran.error
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("reuter", "Did you mean 'reuters'"),
        ("nowhere.npz", "no such file"),
        ("broken.npz", "broken.npz"),
        ("negative.npz", "negative"),
        ("latin.txt", "latin.txt"),
        ("empty.txt", "empty.txt"),
    ],
)
def test_unusable_sources_exit_with_1(run, tmp_path, monkeypatch, source, said):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 no archive")
    sp.save_npz("negative.npz", sp.csr_matrix([[1.0, -2.0]]))
    (tmp_path / "latin.txt").write_bytes("Küche und Tür\n".encode("latin-1"))
    (tmp_path / "empty.txt").write_text("")
    ran = run("corpus", "build", source, "-o", "C")
    assert ran.code == 1
    assert said in ran.error
    assert not (tmp_path / "C").exists()


def test_like_a_model_and_like_a_corpus(run, tmp_path):
    """Texts that come later are cut as the first were: their case, phrases and words."""
    first = ["Solar Wind power grid"] * 6 + ["Goal keeper Cup final"] * 6
    (tmp_path / "first.txt").write_text("\n".join(first) + "\n")
    later = "solar Wind Solar Wind new_word the Cup final\nnothing here\n"
    (tmp_path / "later.txt").write_text(later)
    corpus, model = tmp_path / "C", tmp_path / "M"
    run("corpus", "build", tmp_path / "first.txt", "-o", corpus, "--keep-case", "--ngram", 2,
        "--min-df", 2, "--max-df", "1.0")  # fmt: skip
    run("train", corpus, "-k", 2, "--epochs", 1, "-o", model)
    words = Corpus.open(corpus).vocabulary
    assert {"Solar", "Solar_Wind"} <= set(words)
    for number, like in enumerate((corpus, model)):
        output = tmp_path / f"L{number}"
        ran = run("corpus", "build", tmp_path / "later.txt", "-o", output, "--like", like)
        assert ran.code == 0, ran.err
        built = Corpus.open(output)
        assert built.vocabulary == words
        counted = built.counts.to_scipy().toarray()
        expected = {"Wind": 2, "Solar": 1, "Solar_Wind": 1, "Cup": 1, "final": 1, "Cup_final": 1}
        assert {words[v]: int(counted[0, v]) for v in np.flatnonzero(counted[0])} == expected
        assert counted[1].sum() == 0
    for options in (("--language", "en"), ("--min-df", 2), ("--vocab", tmp_path / "first.txt")):
        ran = run(
            "corpus",
            "build",
            tmp_path / "later.txt",
            "-o",
            tmp_path / "N",
            "--like",
            corpus,
            *options,
        )
        assert ran.code == 2
        assert "--like takes words and their cutting from the model or corpus" in " ".join(
            ran.err.split()
        )
    ran = run("corpus", "build", tmp_path / "later.txt", "-o", tmp_path / "N", "--like", tmp_path)
    assert ran.code == 1
    assert not (tmp_path / "N").exists()


def test_like_a_model_without_words(run, files, tmp_path):
    run("corpus", "build", files / "counts.npz", "-o", tmp_path / "C")
    ran = run(
        "corpus", "build", files / "texts.txt", "-o", tmp_path / "N", "--like", tmp_path / "C"
    )
    assert ran.code == 2
    assert "does not say which words it counts" in " ".join(ran.err.split())


def test_labels_of_another_length(run, files, tmp_path):
    (tmp_path / "labels.txt").write_text("a\nb\n")
    ran = run(
        "corpus", "build", files / "counts.npz", "--labels", tmp_path / "labels.txt",
        "-o", tmp_path / "C",
    )  # fmt: skip
    assert ran.code == 1
    assert "300" in ran.error


@pytest.mark.parametrize("limit", ["few", ""])
def test_a_limit_must_be_a_number(run, files, tmp_path, limit):
    assert build(run, files, tmp_path / "C", "--min-df", limit).code == 2
