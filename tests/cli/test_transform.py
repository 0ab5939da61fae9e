import json
import shutil
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp

import topicforge
from topicforge.corpus import Corpus, Counts


def theta(path):
    read = np.load(path, allow_pickle=False)
    assert read.dtype == np.float32
    np.testing.assert_allclose(read.sum(1), 1, atol=1e-5)  # sums of K float32
    return read


def test_counts_corpus_and_texts_give_the_same_theta(run, files, corpus, model, tmp_path):
    expected = topicforge.load(model).transform(Corpus.open(corpus))
    for name in ("counts.npz", "texts.txt"):
        ran = run("transform", model, files / name, "--output", tmp_path / f"{name}.npy")
        assert ran.code == 0, ran.err
        assert ran.out == ""
        np.testing.assert_array_equal(theta(tmp_path / f"{name}.npy"), expected)
    ran = run("transform", model, corpus, "-o", tmp_path / "new" / "corpus.npy", "--json")
    np.testing.assert_array_equal(theta(tmp_path / "new" / "corpus.npy"), expected)
    assert ran.json == {
        "theta": str(tmp_path / "new" / "corpus.npy"),
        "documents": 300,
        "topics": 4,
    }
    ran = run(
        "transform", model, files / "texts.jsonl", "--text-column", "body", "-o", tmp_path / "j.npy"
    )
    np.testing.assert_array_equal(theta(tmp_path / "j.npy"), expected)


def test_counts_without_a_width_take_the_models(run, model, tmp_path):
    (tmp_path / "few.svm").write_text("0 1:2 3:1\n")
    assert run("transform", model, tmp_path / "few.svm", "-o", tmp_path / "t.npy").code == 0
    assert theta(tmp_path / "t.npy").shape == (1, 4)


def test_phrases_and_case_are_read_from_the_vocabulary(run, tmp_path):
    texts = tmp_path / "texts.txt"
    texts.write_text("New York hosts York\nold York New Ideas\n" * 5)
    run("corpus", "build", texts, "--ngram", 2, "--keep-case", "-o", tmp_path / "C")
    run("train", tmp_path / "C", "-k", 2, "--epochs", 1, "-o", tmp_path / "M")
    ran = run("transform", tmp_path / "M", texts, "-o", tmp_path / "t.npy")
    assert ran.code == 0
    expected = topicforge.load(tmp_path / "M").transform(Corpus.open(tmp_path / "C"))
    np.testing.assert_array_equal(theta(tmp_path / "t.npy"), expected)


def test_chinese_texts_are_split_as_the_corpus_was(run, tmp_path):
    pytest.importorskip("jieba", reason="needs the extra zh")
    texts = tmp_path / "texts.txt"
    texts.write_text("北京大学的学生喜欢音乐\n上海音乐学院的学生\n" * 5, encoding="utf-8")
    run("corpus", "build", texts, "--language", "zh", "-o", tmp_path / "C")
    run("train", tmp_path / "C", "-k", 2, "--epochs", 1, "-o", tmp_path / "M")
    ran = run("transform", tmp_path / "M", texts, "-o", tmp_path / "t.npy")
    assert ran.code == 0
    expected = topicforge.load(tmp_path / "M").transform(Corpus.open(tmp_path / "C"))
    np.testing.assert_array_equal(theta(tmp_path / "t.npy"), expected)


def test_a_model_fitted_to_texts_counts_as_it_did(run, tmp_path):
    texts = ["the cat sat", "a dog ran", "cats and dogs"] * 4
    fitted = topicforge.TopicModel(n_topics=2, epochs=1).fit(texts)
    fitted.save(tmp_path / "M")
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in texts))
    run("transform", tmp_path / "M", tmp_path / "texts.txt", "-o", tmp_path / "t.npy")
    np.testing.assert_array_equal(theta(tmp_path / "t.npy"), fitted.transform(texts))


def test_svmlight_words_are_numbered_as_in_the_models_corpus(run, planted, tmp_path):
    """The file to transform has no word 0 and no comment, so that alone it would be read from 1."""
    dense = planted[0].toarray().astype(int)[:, :29]  # the last word never occurs
    assert dense[:, [0, 28]].any(0).all()
    lines = [" ".join(["0", *(f"{v}:{row[v]}" for v in np.nonzero(row)[0])]) for row in dense]
    (tmp_path / "all.svmlight").write_text(
        "# Column indices are zero-based\n" + "\n".join(lines) + "\n"
    )
    without = np.flatnonzero(dense[:, 0] == 0)
    assert len(without) > 10
    (tmp_path / "some.svmlight").write_text("".join(f"{lines[i]}\n" for i in without))
    corpus, model = tmp_path / "C", tmp_path / "M"
    vocab = tmp_path / "vocab.txt"
    vocab.write_text("".join(f"word{v:02d}\n" for v in range(29)))
    assert (
        run("corpus", "build", tmp_path / "all.svmlight", "--vocab", vocab, "-o", corpus).code == 0
    )
    assert run("train", corpus, "-k", 3, "--epochs", 1, "-o", model).code == 0
    assert json.loads((model / "model.json").read_text())["first_index"] == 0
    ran = run("transform", model, tmp_path / "some.svmlight", "-o", tmp_path / "t.npy")
    assert "words numbered from 0, as in the corpus of the model" in ran.err
    expected = topicforge.load(model).transform(dense[without])
    np.testing.assert_array_equal(np.load(tmp_path / "t.npy"), expected)
    said = run("transform", model, tmp_path / "all.svmlight", "-o", tmp_path / "a.npy").err
    assert "words numbered from 0, as its comment says" in said
    sp.save_npz(tmp_path / "some.npz", sp.csr_array(dense[without]))
    values = []
    for name in ("some.svmlight", "some.npz"):
        options = (
            "--corpus",
            tmp_path / name,
            "--vocab",
            vocab,
            "--metric",
            "perplexity",
            "--json",
        )
        ran = run("evaluate", model, *options)
        assert ran.code == 0, ran.err
        values.append(ran.json["scores"]["perplexity"]["value"])
    assert values[0] == values[1]


def test_other_columns_are_refused(run, files, model, tmp_path):
    words = (files / "vocab.txt").read_text().split()
    counts = Counts.from_matrix(sp.csr_matrix(np.eye(30)))
    Corpus(counts, tuple(words[1:] + words[:1])).save(tmp_path / "turned")
    ran = run("transform", model, tmp_path / "turned", "-o", tmp_path / "t.npy")
    assert ran.code == 1
    assert f"column 0 is {words[1]!r} there and {words[0]!r} in the model" in ran.error
    sp.save_npz(tmp_path / "wide.npz", sp.csr_matrix(np.ones((2, 31))))
    ran = run("transform", model, tmp_path / "wide.npz", "-o", tmp_path / "t.npy")
    assert ran.code == 1
    assert "31" in ran.error
    assert not (tmp_path / "t.npy").exists()


def test_texts_for_a_model_without_words(run, tmp_path):
    counts = np.random.default_rng(0).integers(1, 3, (20, 3))
    topicforge.TopicModel(n_topics=2, epochs=1).fit(counts).save(tmp_path / "M")
    (tmp_path / "texts.txt").write_text("a text\n")
    ran = run("transform", tmp_path / "M", tmp_path / "texts.txt", "-o", tmp_path / "t.npy")
    assert ran.code == 1
    assert "without a vocabulary" in ran.error


def test_a_file_is_replaced_only_with_force(run, files, model, tmp_path):
    output = tmp_path / "t.npy"
    output.write_text("mine")
    command = ["transform", model, files / "counts.npz", "-o", output]
    assert run(*command).code == 2
    assert output.read_text() == "mine"
    assert run(*command, "--force").code == 0
    assert theta(output).shape == (300, 4)
    (tmp_path / "folder.npy").mkdir()
    assert run(*command[:-1], tmp_path / "folder.npy", "--force").code == 2


def test_empty_documents_are_said_once(spawn, ended, model, tmp_path):
    (tmp_path / "texts.txt").write_text("qaa qab\n\nunknown words\n")
    ran = ended(spawn("transform", model, tmp_path / "texts.txt", "-o", tmp_path / "t.npy"))
    assert ran.code == 0
    assert theta(tmp_path / "t.npy").shape[1] == 4
    said = [line for line in ran.err.splitlines() if line.startswith("warning: ")]
    assert len(said) == 1
    assert "empty" in said[0]
    assert ".py" not in ran.err


def test_a_folder_of_shards_goes_on_after_a_kill(run, corpus, model, tmp_path):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    ran = run("transform", model, corpus, "-o", whole, "--shard-documents", "1", "--json")
    assert ran.json == {"theta": str(whole), "documents": 300, "topics": 4, "shards": 300}
    command = [sys.executable, "-m", "topicforge", "transform", model, corpus, "-o", cut,
               "--shard-documents", "1"]  # fmt: skip
    first = subprocess.Popen(command)
    while len(list(cut.glob("theta-*.npy"))) < 10:
        assert first.poll() is None, "it ended before it could be killed"
        time.sleep(0.001)
    first.kill()
    first.wait()
    assert 10 <= len(list(cut.glob("theta-*.npy"))) < 300
    subprocess.run(command, check=True, capture_output=True)
    written = {path.name: path.read_bytes() for path in cut.iterdir()}
    assert written == {path.name: path.read_bytes() for path in whole.iterdir()}


def test_a_parquet_shard_has_a_column_a_topic(run, corpus, model, tmp_path):
    ran = run("transform", model, corpus, "-o", tmp_path / "t", "--shard-format", "parquet")
    assert ran.code == 0, ran.err
    table = pq.read_table(tmp_path / "t" / "theta-00000.parquet")
    assert table.column_names == [f"topic_{k}" for k in range(4)]
    expected = topicforge.load(model).transform(Corpus.open(corpus))
    columns = [column.to_numpy() for column in table.columns]
    np.testing.assert_array_equal(np.stack(columns, axis=1), expected)
    assert run("transform", model, corpus, "-o", tmp_path / "u", "--shard-format", "csv").code == 2


def test_a_changed_file_is_found_unless_told_otherwise(run, model, corpus, tmp_path):
    copy, output = tmp_path / "C", tmp_path / "theta.npy"
    shutil.copytree(corpus, copy)
    path = copy / "counts.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    for command in (
        ("transform", model, copy, "-o", output),
        ("train", copy, "-o", tmp_path / "M"),
    ):
        ran = run(*command)
        assert ran.code == 1
        assert "counts.npy: is not what was written" in ran.error
    assert run("transform", model, copy, "-o", output, "--no-verify").code == 0
