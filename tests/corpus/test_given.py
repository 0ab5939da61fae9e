import numpy as np
import pytest

from topicforge.corpus import build_corpus
from topicforge.errors import InputError, OptionError

TEXTS = ["cats purr and sleep", "dogs bark and run", "stars shine at night"] * 4
LABELS = ["a", "b", None] * 4


def test_a_corpus_of_texts_in_memory_is_that_of_their_file(tmp_path):
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in TEXTS))
    given = build_corpus(texts=iter(TEXTS), labels=LABELS, output=tmp_path / "corpus")
    read = build_corpus(tmp_path / "texts.txt")
    assert given.vocabulary == read.vocabulary
    assert given.labels == tuple(LABELS)
    assert (given.counts.to_scipy() != read.counts.to_scipy()).nnz == 0
    assert given.analyzer == read.analyzer


def test_tokens_bags_and_matrices():
    tokens = build_corpus(texts=[["New York", "The"], ["The", "cat"]] * 6)
    assert tokens.vocabulary == ("New_York", "The", "cat")
    bags = build_corpus(texts=[[(1, 2)], [(0, 1)]], vocabulary=["cat", "dog"])
    assert bags.vocabulary == ("cat", "dog")
    assert bags.counts.to_scipy().toarray().tolist() == [[0, 2], [1, 0]]
    assert build_corpus(texts=np.array([[0, 2], [1, 0]])).counts.n_entries == 2


def test_frames_and_missing_texts():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"text": [*TEXTS, None], "id": range(13)})
    with pytest.warns(UserWarning, match="1 of 13 documents are missing .* numbers 12"):
        corpus = build_corpus(texts=frame)
    assert corpus.counts.lengths().tolist()[12] == 0


def test_what_is_refused():
    with pytest.raises(OptionError, match="either source or texts"):
        build_corpus()
    with pytest.raises(OptionError, match="either source or texts"):
        build_corpus("a.txt", texts=TEXTS)
    with pytest.raises(OptionError, match="shards are built from files"):
        build_corpus(texts=TEXTS, output="x", shards={"documents": 5})
    with pytest.raises(InputError, match="at least one document is needed"):
        build_corpus(texts=[])
