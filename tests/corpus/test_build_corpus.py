import gzip
import json
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp

from topicforge.corpus import Analyzer, Corpus, build_corpus
from topicforge.errors import CorpusError, MissingExtraError, OptionError

DENSE = np.array([[0, 2, 0, 1], [0, 0, 0, 0], [3, 0, 1, 0]])
WORDS = ["zebra", "ant", "the", "mole"]


@pytest.fixture
def files(tmp_path):
    sp.save_npz(tmp_path / "counts.npz", sp.csr_array(DENSE))
    (tmp_path / "vocab.txt").write_text("".join(f"{w}\n" for w in WORDS))
    (tmp_path / "labels.txt").write_text("x\ny\nx\n")
    rows = [
        {"body": "Cats purr, cats sleep.", "label": "cat"},
        {"body": "", "label": "none"},
        {"body": "Dogs bark and cats sleep.", "label": "dog"},
    ]
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path


def test_counts_with_words_and_labels(files):
    built = build_corpus(
        files / "counts.npz",
        vocabulary=files / "vocab.txt",
        labels=files / "labels.txt",
        output=files / "corpus",
    )
    opened = Corpus.open(files / "corpus", verify=True)
    for corpus in (built, opened):
        np.testing.assert_array_equal(corpus.counts.to_scipy().toarray(), DENSE)
        assert corpus.vocabulary == tuple(WORDS)
        assert corpus.labels == ("x", "y", "x")
        assert corpus.n_empty == 1
    assert isinstance(built.counts.counts.base, np.memmap)
    assert opened.description["read_as"] == "counts"


def test_texts_with_columns(files):
    corpus = build_corpus(
        files / "texts.jsonl",
        output=files / "corpus",
        reading={"text_column": "body", "label_column": "label"},
        vectorizer="en",
    )
    assert corpus.vocabulary == ("bark", "cats", "dogs", "purr", "sleep")
    np.testing.assert_array_equal(
        corpus.counts.to_scipy().toarray(), [[0, 2, 0, 1, 1], [0] * 5, [1, 1, 1, 0, 1]]
    )
    assert corpus.labels == ("cat", "none", "dog")
    described = json.loads((files / "corpus" / "corpus.json").read_text())
    assert described["empty_documents"] == 1
    assert described["description"] == {
        "source": "texts.jsonl", "read_as": "texts", "language": "en", "min_df": 1, "max_df": 1.0,
        "max_features": None,
    }  # fmt: skip


def test_word_i_is_column_i_whatever_the_order(files):
    (files / "order.txt").write_text("sleep\ncats\nunseen\n")
    corpus = build_corpus(
        files / "texts.jsonl", vocabulary=files / "order.txt", reading={"text_column": "body"}
    )
    assert corpus.vocabulary == ("sleep", "cats", "unseen")
    np.testing.assert_array_equal(
        corpus.counts.to_scipy().toarray(), [[1, 2, 0], [0, 0, 0], [1, 1, 0]]
    )
    with pytest.raises(OptionError, match="vocabulary fixes the words"):
        build_corpus(
            files / "texts.jsonl",
            vocabulary=files / "order.txt",
            reading={"text_column": "body"},
            pruning={"min_df": 2},
        )


def test_words_that_never_occur_keep_their_columns(files):
    sp.save_npz(files / "counts.npz", sp.csr_array(DENSE * [1, 0, 1, 0]))
    corpus = build_corpus(files / "counts.npz", vocabulary=files / "vocab.txt")
    assert corpus.vocabulary == tuple(WORDS)
    assert corpus.description["vocabulary"] == "given"
    pruned = build_corpus(
        files / "counts.npz", vocabulary=files / "vocab.txt", pruning={"min_df": 1}
    )
    assert pruned.vocabulary == ("zebra", "the")


def test_counts_can_be_pruned_and_words_of_a_language_left_out(files):
    options = {"vocabulary": files / "vocab.txt"}
    assert build_corpus(files / "counts.npz", **options, pruning={"stop_words": "en"}).vocabulary == (
        "zebra", "ant", "mole",
    )  # fmt: skip
    assert build_corpus(files / "counts.npz", **options, pruning={"max_features": 2}).vocabulary == (
        "zebra", "ant",
    )  # fmt: skip
    assert build_corpus(files / "counts.npz", **options, pruning={"stop_words": ["ant"]}).vocabulary == (
        "zebra", "the", "mole",
    )  # fmt: skip


@pytest.mark.parametrize(("n", "least", "most"), [(99, 1, 1.0), (100, 2, 0.5), (1000, 5, 0.5)])
def test_default_limits_follow_the_number_of_texts(tmp_path, n, least, most):
    # word k stands in the first k documents
    chars = "abcdefg"
    lines = [" ".join(chars[k] * 3 for k in range(7) if d < k + 1) for d in range(n)]
    lines = [f"{line} everywhere {'odd' if d % 3 == 0 else ''}" for d, line in enumerate(lines)]
    (tmp_path / "a.txt").write_text("\n".join(lines) + "\n")
    corpus = build_corpus(tmp_path / "a.txt", vectorizer="any")
    expected = [c * 3 for k, c in enumerate(chars) if k + 1 >= least]
    expected += ["everywhere"] if most == 1.0 else []
    assert list(corpus.vocabulary) == sorted([*expected, "odd"])
    assert (corpus.description["min_df"], corpus.description["max_df"]) == (least, most)
    everything = build_corpus(
        tmp_path / "a.txt", vectorizer="any", pruning={"min_df": 1, "max_df": 1.0}
    )
    assert len(everything.vocabulary) == 9


def test_labels_inside_and_beside(files):
    (files / "a.svmlight").write_text("0 1:1 2:1\n1 4:2\n0 3:1\n")
    corpus = build_corpus(files / "a.svmlight", vocabulary=files / "vocab.txt")
    assert corpus.labels == ("0", "1", "0")
    assert corpus.description["note"].startswith("words numbered from 1, ")
    with pytest.raises(OptionError, match="labels of its own"):
        build_corpus(files / "a.svmlight", labels=files / "labels.txt")


def test_uci_brings_its_words_along(tmp_path):
    (tmp_path / "docword.a.txt.gz").write_bytes(gzip.compress(b"1\n2\n1\n1 2 3\n"))
    (tmp_path / "vocab.a.txt").write_text("one\ntwo\n")
    assert build_corpus(tmp_path / "docword.a.txt.gz").vocabulary == ("one", "two")


def test_a_folder_of_files(tmp_path):
    for label, text in (("sea", "waves and fish"), ("air", "birds and wind")):
        (tmp_path / "texts" / label).mkdir(parents=True)
        (tmp_path / "texts" / label / "1.txt").write_text(text)
    corpus = build_corpus(tmp_path / "texts", vectorizer="en")
    assert corpus.labels == ("air", "sea")
    assert corpus.vocabulary == ("birds", "fish", "waves", "wind")
    assert corpus.name == "texts"


@pytest.mark.parametrize("lines", [2, 4])
def test_labels_of_another_length(files, lines):
    (files / "labels.txt").write_text("x\n" * lines)
    with pytest.raises(CorpusError, match=rf"labels\.txt.*3 documents, {lines} labels"):
        build_corpus(files / "counts.npz", labels=files / "labels.txt", output=files / "corpus")
    assert not (files / "corpus").exists()


@pytest.mark.parametrize(
    ("vocab", "says"),
    [("a\nb\nc\n", "4 columns, 3 words"), ("a\nb\nc\nd\ne\n", "4 columns, 5 words"),
     ("a\nb\na\nd\n", "'a' is both"), ("a\nb c\nd\ne\n", "white space"), ("a\n\nb\nc\n", "white space"),
     ("", "at least one word")],
)  # fmt: skip
def test_words_that_do_not_fit(files, vocab, says):
    (files / "vocab.txt").write_text(vocab)
    with pytest.raises(CorpusError, match=says):
        build_corpus(files / "counts.npz", vocabulary=files / "vocab.txt")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [("a.txt", "", "at least one text"), ("a.txt", "\n\n", "no words are left"),
     ("a.txt", "the and\nof\n", "no words are left"), ("a.jsonl", "", "at least one text"),
     ("a.csv", "text\n", "at least one text")],
)  # fmt: skip
def test_empty_corpora(tmp_path, name, content, says):
    (tmp_path / name).write_text(content)
    with pytest.raises(CorpusError, match=says):
        build_corpus(tmp_path / name, output=tmp_path / "corpus", vectorizer="en")
    assert not (tmp_path / "corpus").exists()


def test_counts_of_empty_documents_only(files):
    sp.save_npz(files / "counts.npz", sp.csr_array((3, 4)))
    with pytest.raises(CorpusError, match="all 3 documents are empty"):
        build_corpus(files / "counts.npz")


def test_options_that_have_no_meaning_for_counts(files):
    for option in (
        {"reading": {"text_column": "body"}},
        {"vectorizer": Analyzer("any", ngram_range=(1, 2))},
        {"vectorizer": Analyzer("any", token_pattern="a")},
    ):
        with pytest.raises(OptionError, match=next(iter(option))):
            build_corpus(files / "counts.npz", **option)


def test_empty_documents_can_be_left_out_with_their_labels(files):
    corpus = build_corpus(
        files / "counts.npz", labels=files / "labels.txt", drop_empty=True, output=files / "corpus"
    )
    np.testing.assert_array_equal(corpus.counts.to_scipy().toarray(), DENSE[[0, 2]])
    assert corpus.labels == ("x", "x")
    assert corpus.description["dropped_empty_documents"] == 1


def test_a_failure_leaves_the_old_corpus(files):
    build_corpus(files / "counts.npz", output=files / "corpus")
    with pytest.raises(CorpusError):
        build_corpus(files / "texts.jsonl", output=files / "corpus", reading={"text_column": "no"})
    assert Corpus.open(files / "corpus", verify=True).vocab_size == 4


def test_a_corpus_folder_needs_no_building(files):
    build_corpus(files / "counts.npz", output=files / "corpus")
    with pytest.raises(CorpusError, match="corpus folder already"):
        build_corpus(files / "corpus")


# ---- named sources -----------------------------------------------------------------------------


def test_reuters_is_the_packages_own(reuters):
    counts, words = reuters
    corpus = build_corpus("reuters")
    assert (corpus.counts.to_scipy() != counts).nnz == 0
    assert corpus.vocabulary == words


def test_unknown_sources_suggest_and_files_win(tmp_path, monkeypatch):
    with pytest.raises(CorpusError, match="Did you mean 'python-docs'"):
        build_corpus("python-doc")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stories").mkdir()
    (tmp_path / "stories" / "1.txt").write_text("once upon")
    assert build_corpus("stories", vectorizer="any").vocabulary == ("once", "upon")


def test_reuters_without_the_package(monkeypatch):
    from importlib.machinery import PathFinder

    monkeypatch.setattr(PathFinder, "find_spec", lambda *_: None)
    with pytest.raises(MissingExtraError, match="pip install lda"):
        build_corpus("reuters")


def test_20newsgroups_asks_scikit_learn(monkeypatch):
    import sklearn.datasets
    from sklearn.utils import Bunch

    def fetched(subset, remove):
        assert (subset, remove) == ("train", ("headers", "footers", "quotes"))
        return Bunch(data=["God and faith"] * 10, target=[1] * 10, target_names=["a", "b"])

    monkeypatch.setattr(sklearn.datasets, "fetch_20newsgroups", fetched)
    corpus = build_corpus("20newsgroups", pruning={"max_df": 1.0})
    assert corpus.labels == ("b",) * 10
    assert corpus.vocabulary == ("faith", "god")

    def offline(**_):
        raise OSError("no route")

    monkeypatch.setattr(sklearn.datasets, "fetch_20newsgroups", offline)
    with pytest.raises(CorpusError, match="could not download"):
        build_corpus("20newsgroups")


def test_corpus_needs_no_torch():
    code = "import sys, topicforge.corpus; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
