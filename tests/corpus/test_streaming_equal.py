"""A build in shards holds what a build in memory holds, whatever the source."""

import gzip
import hashlib
import json
import random
import string

import numpy as np
import pytest

from topicforge.corpus import Analyzer, Corpus, build_corpus
from topicforge.errors import CorpusError, OptionError, OutputError

ALPHABET = string.ascii_lowercase


def make_texts(n, seed=0):
    """Empty ones, common and rare words, upper case, signs, words beyond ASCII."""
    rng = random.Random(seed)
    words = ["".join(rng.choices(ALPHABET, k=rng.randint(2, 7))) for _ in range(300)]
    words += ["Ärger", "naïve", "数据模型", "𝔘𝔫𝔦𝔠", "the", "of", "x86", "don't"]
    weights = [1 / (rank + 1) for rank in range(len(words))]
    return [
        " ".join(rng.choices(words, weights, k=rng.choice([0, 3, 20]))).replace("a", "A", 1)
        for _ in range(n)
    ]


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("texts") / "table.jsonl"
    rows = [{"text": t, "label": f"l{i % 4}"} for i, t in enumerate(make_texts(430))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def files_of(folder):
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def assert_same(streamed, kept):
    assert streamed.vocabulary == kept.vocabulary
    assert streamed.labels == kept.labels
    assert streamed.name == kept.name
    assert streamed.n_empty == kept.n_empty
    found, wanted = streamed.counts.to_scipy(), kept.counts.to_scipy()
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    assert found.dtype == wanted.dtype
    pace = {"shard_documents": streamed.description["shard_documents"]}
    described = json.loads(json.dumps(dict(kept.description)))  # a tuple becomes a list
    assert dict(streamed.description) == {**described, **pace}


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"reading": {"label_column": "label"}, "vectorizer": "en"},
        {"pruning": {"min_df": 3, "max_df": 0.2}},
        {"pruning": {"min_df": 0.01, "max_df": 80, "max_features": 50}},
        {"pruning": {"max_features": 7}, "vectorizer": Analyzer("any", lowercase=False)},
        {"vectorizer": Analyzer("any", ngram_range=(1, 2), stop_words=["the", "of"])},
        {"vectorizer": Analyzer("any", token_pattern=r"\S+")},
        {"drop_empty": True, "reading": {"label_column": "label"}, "pruning": {"min_df": 30}},
    ],
    ids=str,
)
def test_same_as_in_memory(table, tmp_path, options):
    kept = build_corpus(table, **options)
    streamed = build_corpus(table, output=tmp_path / "corpus", **options, shards={"documents": 100})
    assert_same(streamed, kept)
    assert len(streamed.counts.shards) == 5
    Corpus.open(tmp_path / "corpus", verify=True)
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_same_with_a_given_vocabulary_and_labels(table, tmp_path):
    words = list(build_corpus(table, pruning={"max_features": 40}).vocabulary)
    random.Random(1).shuffle(words)  # columns in the file's order, not sorted
    (tmp_path / "vocab.txt").write_text("".join(f"{w}\n" for w in [*words, "absent"]))
    (tmp_path / "labels.txt").write_text("".join(f"{i % 7}\n" for i in range(430)))
    options = {
        "vocabulary": tmp_path / "vocab.txt",
        "labels": tmp_path / "labels.txt",
        "drop_empty": True,
    }
    kept = build_corpus(table, **options)
    streamed = build_corpus(table, output=tmp_path / "corpus", **options, shards={"documents": 64})
    assert_same(streamed, kept)


def test_a_shard_of_empty_documents(tmp_path):
    texts = ["", "!", "red blue", "", "", "?", "blue"]
    (tmp_path / "t.txt").write_text("".join(f"{t}\n" for t in texts))
    for drop in (False, True):
        kept = build_corpus(tmp_path / "t.txt", drop_empty=drop)
        output = tmp_path / f"corpus-{drop}"
        streamed = build_corpus(
            tmp_path / "t.txt", drop_empty=drop, output=output, shards={"documents": 2}
        )
        assert_same(streamed, kept)
        Corpus.open(output, verify=True)


@pytest.mark.parametrize("n", [1, 99, 100, 101])
def test_limits_by_the_number_of_documents(tmp_path, n):
    (tmp_path / "t.txt").write_text("".join(f"{t}\n" for t in make_texts(n, seed=3)) + "a word\n")
    kept = build_corpus(tmp_path / "t.txt")
    streamed = build_corpus(
        tmp_path / "t.txt", output=tmp_path / "corpus", shards={"documents": 30}
    )
    assert_same(streamed, kept)


def test_same_bytes_whatever_the_workers(table, tmp_path):
    for workers in (1, 2, 3):
        build_corpus(
            table,
            output=tmp_path / str(workers),
            reading={"label_column": "label"},
            shards={"documents": 90, "workers": workers},
        )
    one = files_of(tmp_path / "1")
    assert len(one) == 4 + 3 * 5
    assert files_of(tmp_path / "2") == one
    assert files_of(tmp_path / "3") == one


def test_many_vocabularies_are_merged_in_groups(table, tmp_path, monkeypatch):
    monkeypatch.setattr("topicforge.corpus.streaming.merge.FAN", 3)
    streamed = build_corpus(table, output=tmp_path / "corpus", shards={"documents": 20})
    assert_same(streamed, build_corpus(table))


def test_long_texts_end_a_piece_early(tmp_path, monkeypatch):
    monkeypatch.setattr("topicforge.corpus.streaming.pieces.PIECE_CHARACTERS", 100)
    (tmp_path / "t.txt").write_text("".join(f"{t}\n" for t in ["ab " * 20] * 6 + ["cd"] * 9))
    streamed = build_corpus(tmp_path / "t.txt", output=tmp_path / "corpus", shards={"documents": 7})
    assert [shard.n_documents for shard in streamed.counts.shards] == [2, 2, 2, 7, 2]
    assert_same(streamed, build_corpus(tmp_path / "t.txt"))


def test_replaces_a_corpus_and_nothing_else(table, tmp_path):
    build_corpus(table, output=tmp_path / "corpus", pruning={"max_features": 5})
    streamed = build_corpus(table, output=tmp_path / "corpus", shards={"documents": 100})
    assert_same(streamed, build_corpus(table))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes").write_text("keep")
    with pytest.raises(OutputError, match="holds other files"):
        build_corpus(table, output=tmp_path / "mine", shards={"documents": 100})
    assert (tmp_path / "mine" / "notes").read_text() == "keep"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shards": {"documents": 0}}, "shards: documents must be"),
        ({"shards": {"workers": 0}}, "workers must be"),
        ({"output": None, "shards": {"workers": 2}}, "say where with output"),
        ({"pruning": {"min_df": 0}, "shards": {"documents": 9}}, "min_df must be"),
        ({"pruning": {"max_features": 0}, "shards": {"documents": 9}}, "max_features must be"),
        ({"vectorizer": "xx", "shards": {"documents": 9}}, "language must be"),
        ({"shards": {"hash_buckets": 0}}, "hash_buckets must be"),
        ({"pruning": {"min_df": 2}, "shards": {"hash_buckets": 9}}, "must be left out"),
        ({"shards": {"hash_names": True}}, "hash_names names the buckets"),
    ],
    ids=str,
)
def test_options_are_checked_before_reading(table, tmp_path, options, message):
    with pytest.raises(OptionError, match=message):
        build_corpus(table, **{"output": tmp_path / "corpus", **options})
    assert list(tmp_path.iterdir()) == []


def test_no_word_no_document_no_counts(tmp_path):
    empty = tmp_path / "empty.jsonl"
    empty.write_text("")
    with pytest.raises(CorpusError, match="at least one document"):
        build_corpus(empty, output=tmp_path / "a", shards={"documents": 9})
    (tmp_path / "signs.txt").write_text("! !\n? ?\n")
    with pytest.raises(CorpusError, match="no word is left"):
        build_corpus(tmp_path / "signs.txt", output=tmp_path / "b", shards={"documents": 9})
    (tmp_path / "vocab.txt").write_text("absent\n")
    with pytest.raises(CorpusError, match="all 2 documents are empty"):
        build_corpus(
            tmp_path / "signs.txt",
            vocabulary=tmp_path / "vocab.txt",
            output=tmp_path / "c",
            shards={"documents": 9},
        )
    (tmp_path / "bag.ldac").write_text("1 0:2\n")
    with pytest.raises(OptionError, match="is counts, not texts"):
        build_corpus(tmp_path / "bag.ldac", output=tmp_path / "d", shards={"workers": 2})


@pytest.mark.parametrize("n", [429, 431])
def test_labels_of_another_number(table, tmp_path, n):
    (tmp_path / "labels.txt").write_text("x\n" * n)
    with pytest.raises(CorpusError, match=r"labels\.txt: there must be one label per document"):
        build_corpus(
            table, labels=tmp_path / "labels.txt", output=tmp_path / "c", shards={"documents": 50}
        )
    assert not (tmp_path / "c").exists()


def test_gzip_is_read(table, tmp_path):
    (tmp_path / "table.jsonl.gz").write_bytes(gzip.compress(table.read_bytes()))
    streamed = build_corpus(
        tmp_path / "table.jsonl.gz",
        output=tmp_path / "c",
        name="table.jsonl",
        shards={"documents": 99},
    )
    assert streamed.vocabulary == build_corpus(table).vocabulary
