import gzip
import io
import os
import pickle

import numpy as np
import pytest
import scipy.io
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import dump_svmlight_file

from topicforge.corpus import read_counts
from topicforge.errors import CorpusError, OptionError

#: files damaged at random a format; raise it for a longer hunt
FUZZ = int(os.environ.get("TOPICFORGE_FUZZ", "60"))
DENSE = np.array([[0, 2, 0, 1], [0, 0, 0, 0], [3, 0, 1, 0]])


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


def dense(read):
    return read.counts.to_scipy().toarray()


def uci(matrix):
    coo = sp.coo_array(matrix)
    entries = zip(coo.row, coo.col, coo.data, strict=True)
    body = "".join(f"{row + 1} {word + 1} {count}\n" for row, word, count in entries)
    return f"{matrix.shape[0]}\n{matrix.shape[1]}\n{coo.nnz}\n{body}"


def lda_c(matrix):
    lines = []
    for row in matrix:
        pairs = [f"{v}:{row[v]}" for v in np.flatnonzero(row)]
        lines.append(" ".join([str(len(pairs)), *pairs]))
    return "\n".join(lines) + "\n"


def npz(matrix):
    file = io.BytesIO()
    sp.save_npz(file, sp.csr_array(matrix))
    return file.getvalue()


def mtx(matrix):
    file = io.BytesIO()
    scipy.io.mmwrite(file, sp.coo_array(matrix))
    return file.getvalue()


def svmlight(matrix, zero_based=False):
    file = io.BytesIO()
    dump_svmlight_file(matrix, np.arange(len(matrix)) % 2, file, zero_based=zero_based)
    return file.getvalue()


# ---- scipy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia"])
def test_npz(tmp_path, kind):
    sp.save_npz(tmp_path / "a.npz", sp.csr_matrix(DENSE).asformat(kind))
    np.testing.assert_array_equal(dense(read_counts(tmp_path / "a.npz")), DENSE)


def test_npz_never_unpickles(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("unpickled",))

    with (tmp_path / "a.npz").open("wb") as file:
        np.savez(file, indices=np.array([Bomb()], dtype=object), indptr=np.zeros(2), format="csr",
                 shape=(1, 1), data=np.ones(1))  # fmt: skip
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Bomb()))
    for name in ("a.npz", "b.npz"):
        with pytest.raises(CorpusError, match="save_npz"):
            read_counts(tmp_path / name)


@pytest.mark.parametrize(
    "arrays",
    [
        {"indptr": [0, 2, 9], "indices": [0, 1], "data": [1, 1], "shape": (2, 2), "format": "csr"},
        {"indptr": [0, 1, 2], "indices": [0, 7], "data": [1, 1], "shape": (2, 2), "format": "csr"},
        {"indptr": [0, 1, 2], "indices": [0, -7], "data": [1, 1], "shape": (2, 2), "format": "csc"},
        {
            "indptr": [0, 10**9, 2],
            "indices": [0, 1],
            "data": [1, 1],
            "shape": (2, 2),
            "format": "csc",
        },
        {
            "indptr": [0, 1, 2],
            "indices": [0, 1],
            "data": [1, np.nan],
            "shape": (2, 2),
            "format": "csr",
        },
        {"indptr": [0, 1, 2], "indices": [0, 1], "data": [1, 1], "shape": (2,), "format": "csr"},
        {"indptr": [0, 1, 2], "indices": [0, 1], "data": [1, 1], "shape": (2, 2), "format": "what"},
        {"row": [0, 9], "col": [0, 1], "data": [1, 1], "shape": (2, 2), "format": "coo"},
        {"x": [1]},
    ],
    ids=str,
)
def test_hostile_npz(tmp_path, arrays):
    made = {k: np.array(v.encode() if isinstance(v, str) else v) for k, v in arrays.items()}
    np.savez(tmp_path / "a.npz", **made)
    with pytest.raises(CorpusError, match=r"a\.npz"):
        read_counts(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["a.mtx", "a.mtx.gz"])
@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n"])
def test_matrix_market(tmp_path, name, end):
    content = mtx(DENSE).rstrip(b"\n") + end
    path = write(tmp_path / name, gzip.compress(content) if name.endswith("gz") else content)
    np.testing.assert_array_equal(dense(read_counts(path)), DENSE)


def test_matrix_market_of_other_fields(tmp_path):
    scipy.io.mmwrite(tmp_path / "a.mtx", DENSE)  # dense
    np.testing.assert_array_equal(dense(read_counts(tmp_path / "a.mtx")), DENSE)
    path = write(
        tmp_path / "b.mtx", "%%MatrixMarket matrix coordinate pattern general\n2 2 1\n2 1\n"
    )
    np.testing.assert_array_equal(dense(read_counts(path)), [[0, 0], [1, 0]])
    path = write(
        tmp_path / "c.mtx", "%%MatrixMarket matrix coordinate real general\n1 1 1\n1 1 -3\n"
    )
    with pytest.raises(CorpusError, match="Negative values"):
        read_counts(path)


@pytest.mark.parametrize(
    "content",
    [
        "", "1 2 3", "%%MatrixMarket matrix coordinate real general\n",
        "%%MatrixMarket matrix coordinate real general\n2 2 2\n1 1 1\n",
        "%%MatrixMarket matrix coordinate real general\n2 2 1\n3 1 1\n",
        "%%MatrixMarket matrix coordinate real general\n2 2 999999999999\n1 1 1\n",
        "%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 1 1\n",
    ],
)  # fmt: skip
def test_broken_matrix_market(tmp_path, content):
    with pytest.raises(CorpusError, match=r"a\.mtx"):
        read_counts(write(tmp_path / "a.mtx", content))


def test_a_last_line_that_scipys_reader_alone_crashes_on(tmp_path):
    content = mtx(DENSE).rstrip(b"\n") + b"%"
    np.testing.assert_array_equal(dense(read_counts(write(tmp_path / "a.mtx", content))), DENSE)


# ---- svmlight ----------------------------------------------------------------------------------


@pytest.mark.parametrize("zero_based", [True, False])
def test_svmlight(tmp_path, zero_based):
    read = read_counts(write(tmp_path / "a.svmlight", svmlight(DENSE, zero_based)))
    np.testing.assert_array_equal(dense(read), DENSE)
    assert read.labels == ("0", "1", "0")
    assert read.description["note"].startswith(f"words numbered from {int(not zero_based)}, ")


def test_svmlight_takes_the_width_of_the_vocabulary(tmp_path):
    path = write(tmp_path / "a.svm", "1.5 1:2 # comment\n-1 3:1\n")
    read = read_counts(path, {"vocab_size": 5})
    np.testing.assert_array_equal(dense(read), [[2, 0, 0, 0, 0], [0, 0, 1, 0, 0]])
    assert read.labels == ("1.5", "-1")
    with pytest.raises(CorpusError, match=r"must be in \[1, 2\], got 1 to 3; the vocabulary has 2"):
        read_counts(path, {"vocab_size": 2})


@pytest.mark.parametrize(
    "content",
    [
        "",
        "spam 1:1\n",
        "1 1:\n",
        "1 1:x\n",
        "1 -2:1\n",
        "1 2:1 1:1\n",
        "1 1:-1\n",
        "1\n2\n",
        b"\xff\x00",
    ],
)
def test_broken_svmlight(tmp_path, content):
    with pytest.raises(CorpusError, match=r"a\.libsvm"):
        read_counts(write(tmp_path / "a.libsvm", content))


# ---- UCI ---------------------------------------------------------------------------------------


def test_uci(tmp_path):
    read = read_counts(write(tmp_path / "docword.a.txt", uci(DENSE)))
    np.testing.assert_array_equal(dense(read), DENSE)
    assert read.vocabulary is None
    (tmp_path / "vocab.a.txt").write_text("a\nb\nc\nd\n")
    path = write(tmp_path / "docword.a.txt.gz", gzip.compress(uci(DENSE).encode()))
    read = read_counts(path)
    np.testing.assert_array_equal(dense(read), DENSE)
    assert read.vocabulary == ("a", "b", "c", "d")
    (tmp_path / "vocab.a.txt").write_text("a\nb\nc\n")
    with pytest.raises(CorpusError, match="4 columns, 3 words"):
        read_counts(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "lines D, W and NNZ"),
        ("3\n4\n", "lines D, W and NNZ, one number each"),
        ("3\n4\nmany\n", "one number each"),
        ("3\n4\n-1\n", "negative"),
        ("3\n4\n2\n1 1 1\n", "Truncated file. Expected another 1 lines"),
        ("3\n4\n1\n1 1 1\n2 2 2\n", "file too long"),
        ("3\n4\n1\n1 1\n", "document word count"),
        ("3\n4\n1\n1 1 x\n", "document word count"),
        ("3\n4\n1\n1 1 1.5\n", "document word count"),
        ("3\n4\n1\n4 1 1\n", "Line 4: Row index out of bounds"),
        ("3\n4\n1\n1 0 1\n", "Line 4: Column index out of bounds"),
        ("3\n4\n1\n1 5 1\n", "Line 4: Column index out of bounds"),
        ("3\n4\n1\n1 1 -1\n", "Negative"),
        ("3\n4\n1\n1 1 99999999999999999999\n", "document word count"),
        ("0\n4\n0\n", "0 sample"),
        ("2000000000\n4\n1\n1 1 1\n", "sizes are damaged"),
        ("3\n2000000000\n1\n1 1 1\n", "sizes are damaged"),
    ],
)
def test_broken_uci(tmp_path, content, says):
    with pytest.raises(CorpusError, match=says):
        read_counts(write(tmp_path / "docword.a.txt", content))


# ---- LDA-C -------------------------------------------------------------------------------------


def test_lda_c(tmp_path):
    path = write(tmp_path / "a.ldac", lda_c(DENSE))
    np.testing.assert_array_equal(dense(read_counts(path)), DENSE)
    assert read_counts(path, {"vocab_size": 9}).counts.vocab_size == 9
    with pytest.raises(CorpusError, match=r"words must be in \[0, 2\]"):
        read_counts(path, {"vocab_size": 3})


def test_lda_c_with_fractions_and_words_twice(tmp_path):
    read = read_counts(write(tmp_path / "a.ldac", "3 1:0.5 0:2 1:1\n"))
    np.testing.assert_array_equal(dense(read), [[2, 1.5]])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "at least one document"), ("0\n", "at least one document"),
        ("2 0:1\n", "line 1 is not .*promises 2 words and has 1"),
        ("1 0:1\n\n", "line 2"), ("one 0:1\n", "line 1"),
        ("1 0\n", "line 1"), ("1 0:\n", "line 1"), ("1 a:1\n", "line 1"), ("1 -1:1\n", "words must be"),
        ("1 0:-1\n", "Negative"), ("1 0:nan\n", "NaN"), ("1 99999999999999999999:1\n", "line 1"),
        ("1 99999999999:1\n", "at most"), (b"1 0:1\n\xff", "not utf-8"),
    ],
)  # fmt: skip
def test_broken_lda_c(tmp_path, content, says):
    with pytest.raises(CorpusError, match=says):
        read_counts(write(tmp_path / "a.ldac", content))


# ---- all of them -------------------------------------------------------------------------------

WRITERS = {"npz": npz, "matrix-market": mtx, "svmlight": svmlight, "uci": uci, "lda-c": lda_c}


@pytest.mark.parametrize("kind", WRITERS)
@given(data=st.data())
@settings(max_examples=FUZZ, deadline=None)
def test_damaged_files_are_errors_of_ours_or_counts(tmp_path_factory, kind, data):
    content = WRITERS[kind](DENSE)
    content = bytearray(content if isinstance(content, bytes) else content.encode())
    for _ in range(data.draw(st.integers(0, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    kept = data.draw(st.integers(0, len(content)))
    path = write(tmp_path_factory.getbasetemp() / f"damaged-{kind}", bytes(content[:kept]))
    error = None
    try:
        read_counts(path, {"format": kind}).counts.check()
    except CorpusError as caught:
        error = caught
    assert error is None or str(path) in str(error)


def test_a_text_file_is_no_file_of_counts(tmp_path):
    with pytest.raises(CorpusError, match="must be a file of counts"):
        read_counts(write(tmp_path / "a.csv", "text\nx\n"))
    with pytest.raises(OptionError, match="format must be one of"):
        read_counts(tmp_path / "a.csv", {"format": "excel"})


@pytest.mark.parametrize("kind", WRITERS)
def test_a_file_that_is_not_there_or_a_folder(tmp_path, kind):
    with pytest.raises(CorpusError, match="no such file"):
        read_counts(tmp_path / "a", {"format": kind})
    with pytest.raises(CorpusError, match="is a folder"):
        read_counts(tmp_path, {"format": kind})
