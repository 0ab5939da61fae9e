"""Word vectors from text, .npy, arrays and the corpus itself; damaged files."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from topicforge.contracts import StartData
from topicforge.plugin import Context, OptionError

from topicforge_ecr.decoder import EcrDecoder
from topicforge_ecr.vectors import read_vectors

VOCABULARY = ["red", "green", "blue"]


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("header", ["", "4 2\n"])
def test_text(tmp_path, header):
    """GloVe and word2vec text: other words are passed over, the first of two lines counts."""
    file = write(tmp_path / "v.txt", header + "blue 1 2\nblack 9 9\nred 3 4\nblue 5 6\n")
    values, found = read_vectors(file, VOCABULARY, 3)
    np.testing.assert_array_equal(values, [[3, 4], [0, 0], [1, 2]])
    assert found.tolist() == [True, False, True]


@pytest.mark.parametrize("as_file", [True, False])
def test_rows_in_column_order_and_by_their_words(tmp_path, as_file):
    rows = np.array([[1.0, 2.0], [0.0, 0.0], [3.0, 4.0]])
    source = rows
    if as_file:
        source = tmp_path / "v.npy"
        np.save(source, rows)
    values, found = read_vectors(source, None, 3)
    np.testing.assert_array_equal(values, rows)
    assert found.tolist() == [True, False, True]
    values, found = read_vectors(source, VOCABULARY, 3, ["blue", "green", "black"])
    np.testing.assert_array_equal(values, [[0, 0], [0, 0], [1, 2]])
    assert found.tolist() == [False, False, True]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("red 1 2\ngreen 1\n", "line 2"),
        ("red one two\n", "line 1"),
        ("red\n", "line 1"),
        ("black 1 2\n", "none of the 3 words"),
        ("red nan 1\n", "finite"),
        ("", "none of the 3 words"),
    ],
)
def test_damaged_text(tmp_path, text, word):
    with pytest.raises(OptionError, match=word):
        read_vectors(write(tmp_path / "v.txt", text), VOCABULARY, 3)


def test_refused_sources(tmp_path):
    (tmp_path / "bad.npy").write_bytes(b"no array")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe")
    rows = np.ones((2, 2))
    for arguments, word in [
        ((tmp_path / "missing.txt", VOCABULARY, 3), "existing file"),
        ((tmp_path / "bad.npy", VOCABULARY, 3), "not a readable array"),
        ((tmp_path / "bad.txt", VOCABULARY, 3), "UTF-8"),
        ((tmp_path / "bad.txt", None, 3), "needs a vocabulary"),
        ((np.array([["a"]]), VOCABULARY, 3), "numeric array"),
        (([[1, 2], [3]], VOCABULARY, 3), "not a readable array"),
        ((rows, VOCABULARY, 3), "3 rows, one a word; they are 2"),
        ((rows, VOCABULARY, 3, ["red"]), "2 words, one a row"),
        ((rows, VOCABULARY, 3, [1, 2]), "words, or a file"),
        ((rows * np.inf, VOCABULARY, 3, ["red", "blue"]), "finite"),
    ]:
        with pytest.raises(OptionError, match=word):
            read_vectors(*arguments)


def test_decoder_starts_at_unit_vectors_and_forgets_the_file():
    rows = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, 2.0]])
    torch.manual_seed(0)
    context = Context(3, 2, 2, vocabulary=VOCABULARY)
    made = EcrDecoder(context, vectors=rows, train_vectors=False)
    made.start()
    expected = torch.tensor([[0.6, 0.8], [0.0, 1.0]])
    torch.testing.assert_close(made.word.detach()[[0, 2]], expected)
    assert made.word.detach()[1].norm().item() == pytest.approx(1)
    assert not made.word.requires_grad
    # two words with vectors and two topics: k-means puts one on each
    assert torch.cdist(made.topic.detach(), expected).min(0).values.max().item() < 1e-6
    options = {"vectors": rows, "vectors_words": None, "train_vectors": False}
    saved = made.saved_options(options)
    assert saved == {"vectors": None, "width": 2, "train_vectors": False}
    again = EcrDecoder(Context(3, 2, 2), **saved)
    again.load_state_dict(made.state_dict())
    with pytest.raises(OptionError, match="vectors' own width 2, got 5"):
        EcrDecoder(context, vectors=rows, width=5).start()


def test_corpus_vectors_of_words_that_share_documents():
    """Words 0 to 3 and 4 to 7 never share a document: two blocks, orthogonal vectors."""
    rng = np.random.default_rng(0)
    counts = np.zeros((200, 8), dtype=np.int64)
    for i, row in enumerate(counts):
        row[4 * (i % 2) + rng.permutation(4)[:2]] = 1
    torch.manual_seed(0)
    vectors = StartData(lambda: sp.csr_array(counts)).word_vectors(2)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = np.abs(unit @ unit.T)
    assert likeness[:4, :4].min() > 0.99
    assert likeness[4:, 4:].min() > 0.99
    assert likeness[:4, 4:].max() < 0.01
