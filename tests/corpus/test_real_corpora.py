"""Real corpora in, as their owners describe them."""

import numpy as np
import pytest
import scipy.sparse as sp

from topicforge.corpus import Analyzer, Corpus, build_corpus
from topicforge.corpus.stop_words import chinese


def test_20ng(corpora, tmp_path):
    folder = corpora / "20ng"
    labels = (folder / "labels.txt").read_text(encoding="utf-8").split("\n")[:11_314]
    (tmp_path / "labels.txt").write_text("\n".join(labels) + "\n", encoding="utf-8")
    corpus = build_corpus(
        folder / "train.npz",
        vocabulary=folder / "vocab.txt",
        labels=tmp_path / "labels.txt",
        output=tmp_path / "20ng",
    )
    opened = Corpus.open(tmp_path / "20ng", verify=True)
    expected = sp.load_npz(folder / "train.npz")
    assert opened.counts.shape == (11_314, 5000)
    assert (opened.counts.to_scipy() != expected).nnz == 0
    assert len(set(opened.labels)) == 20
    assert opened.vocabulary == corpus.vocabulary
    order = np.random.default_rng(0).permutation(11_314)[:256]
    crow, col, count = opened.counts.rows(order)
    batch = sp.csr_array((count, col, crow), shape=(256, 5000))
    assert (batch != expected[order]).nnz == 0


@pytest.mark.parametrize("name", ["m10", "csldcp"])
def test_segmented_texts_give_the_counts_beside_them(corpora, name):
    folder = corpora / name
    corpus = build_corpus(
        folder / "texts.txt",
        vocabulary=folder / "vocab.txt",
        labels=folder / "labels.txt",
        vectorizer=Analyzer("any", token_pattern=r"\S+", lowercase=False),
    )
    expected = sp.vstack([sp.load_npz(folder / f"{part}.npz") for part in ("train", "test")])
    assert (corpus.counts.to_scipy() != expected).nnz == 0


def test_raw_chinese_through_jieba(corpora, tmp_path):
    folder = corpora / "csldcp"
    lines = (folder / "raw.txt").read_text(encoding="utf-8").split("\n")[:400]
    (tmp_path / "raw.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    corpus = build_corpus(tmp_path / "raw.txt", vectorizer="zh")
    assert corpus.n_documents == 400
    assert corpus.n_empty == 0
    # the words their owners kept are found again: jieba segmented both
    theirs = sp.load_npz(folder / "train.npz")[:400]
    words = np.array((folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[:5000])
    common = words[np.asarray((theirs > 0).sum(axis=0)).ravel() >= 5]
    kept = [word for word in common if word not in chinese()]
    assert len(kept) > 400
    # all but numbers such as 20 and what stands in more than half of the documents
    assert set(kept) - set(corpus.vocabulary) == set()


def test_traditional_chinese_through_jieba(corpora, tmp_path):
    lines = (corpora / "bible_cuv" / "raw.txt").read_text(encoding="utf-8").split("\n")[:120]
    (tmp_path / "raw.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    corpus = build_corpus(tmp_path / "raw.txt", pruning={"max_df": 1.0}, vectorizer="zh")
    assert {"摩西", "埃及", "以色列"} <= set(corpus.vocabulary)
    assert not {"這樣", "沒有", "我們"} & set(corpus.vocabulary)
