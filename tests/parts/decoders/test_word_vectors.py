"""Word vectors from files and arrays; damage is one sentence, never a traceback of numpy's."""

import io
import zipfile

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from topicforge import TopicModel
from topicforge.contracts import Context, StartData
from topicforge.errors import OptionError, TrainingError
from topicforge.parts.decoders import EmbeddingDecoder
from topicforge.parts.decoders.word_vectors import read_word_vectors

WORDS = ("cat", "dog", "naïve", "猫")
VECTORS = np.array([[1.0, -2.0], [0.25, 3e-5], [-4.0, 0.5], [0.125, 7.0]], dtype=np.float32)


def lines(words=WORDS, vectors=VECTORS):
    return [
        f"{word} {' '.join(str(float(x)) for x in row)}"
        for word, row in zip(words, vectors, strict=True)
    ]


def read(source, vocabulary=WORDS, words=None):
    return read_word_vectors(source, vocabulary, len(vocabulary or WORDS), words)


def written(tmp_path, text, name="vectors.txt"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def refuses(source, message, **more):
    with pytest.raises(OptionError, match=message) as caught:
        read(source, **more)
    assert str(caught.value).startswith("decoder 'embedding': option 'vectors")


@pytest.mark.parametrize(
    "text",
    [
        "\n".join(lines()),  # GloVe, no line end after the last
        "\n".join(["4 2", *lines()]) + "\n",  # word2vec
        "\n".join(["4 2", *(line + " " for line in lines())]) + "\n",  # fastText's trailing space
        "\r\n".join(lines()) + "\r\n\r\n",  # Windows, and a blank line at the end
        "\n".join([*lines(), "cat 9 9"]),  # the first vector of a word counts
        "\n".join(["a b 5 5", ". . 6 6", "\x85 1 1", "\u2028x 1 1", *lines()][2:]),
    ],
)
def test_text_formats(tmp_path, text):
    got = read(written(tmp_path, text))
    np.testing.assert_array_equal(got.values, VECTORS)
    assert got.found.all()
    assert got.values.dtype == np.float32


def test_words_that_contain_spaces_or_odd_line_ends_are_read(tmp_path):
    text = "dog 1 2\n. . . 3 4\nat name@domain.com 5 6\nx\x85y 7 8\nx\u2028y 9 10\nx\ry 11 12\n\xa0 13 14\n"
    odd = (". . .", "at name@domain.com", "x\x85y", "x\u2028y", "x\ry", "\xa0")
    got = read(written(tmp_path, text), vocabulary=odd)
    np.testing.assert_array_equal(got.values, np.arange(3.0, 15.0).reshape(6, 2))


def test_other_order_and_missing_words(tmp_path):
    got = read(written(tmp_path, "\n".join(lines())), vocabulary=("cow", "猫", "cat"))
    np.testing.assert_array_equal(got.values, [[0, 0], VECTORS[3], VECTORS[0]])
    assert got.found.tolist() == [False, True, True]


def test_a_zero_vector_counts_as_none(tmp_path):
    got = read(written(tmp_path, "cat 0 0\ndog 1 2\n"), vocabulary=("cat", "dog"))
    assert got.found.tolist() == [False, True]
    aligned = VECTORS.copy()
    aligned[1] = 0
    assert read(aligned).found.tolist() == [True, False, True, True]


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int8", ">f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_aligned_npy(tmp_path, dtype, order):
    vectors = np.array([[1, -2], [3, 4], [5, 0], [0, 7]], dtype=dtype, order=order)
    np.save(tmp_path / "v.npy", vectors)
    for source in (tmp_path / "v.npy", str(tmp_path / "v.npy"), vectors, vectors.tolist()):
        got = read(source, vocabulary=None)
        np.testing.assert_array_equal(got.values, vectors.astype(np.float32))
        assert got.values.dtype == np.float32


def test_a_torch_tensor_is_an_array():
    np.testing.assert_array_equal(read(torch.from_numpy(VECTORS)).values, VECTORS)


@pytest.mark.parametrize("form", ["file", "list", "array"])
def test_npy_with_its_words(tmp_path, form):
    names = ["dog", "cow", "cat", "dog"]  # the first of two rows counts
    np.save(tmp_path / "v.npy", VECTORS)
    words = {
        "file": written(tmp_path, "\n".join(names), "words.txt"),
        "list": names,
        "array": np.array(names),
    }[form]
    got = read(tmp_path / "v.npy", vocabulary=("cat", "mouse", "dog"), words=words)
    np.testing.assert_array_equal(got.values, [VECTORS[2], [0, 0], VECTORS[0]])
    assert got.found.tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "none of the 4 words"),
        ("cow 1 2\n", "none of the 4 words; is it of the same language"),
        ("\n".join(lines())[:-6], "line 4: must be a word and 2 numbers, got 2 fields"),
        ("\n".join(["4 2", *lines()[:3]]), "promises 4 words, but 3 follow; the file is truncated"),
        ("\n".join(["3 2", *lines()]), "promises 3 words, but 4 follow"),
        ("\n".join(["4 3", *lines()]), "line 2: must be a word and 3 numbers, got 3 fields"),
        ("\n".join(["4 1", *lines()]), "line 2: must be a word and 1 numbers, got 3 fields"),
        ("4 99999999999999\ncat 1 2", "line 2: must be a word and 99999999999999 numbers"),
        ("9" * 5000 + " 2\ncat 1 2", "line 1: "),
        ("cat 1 2\ndog 1\n", "line 2: must be a word and 2 numbers, got 2 fields"),
        ("cat 1 2\ndog 1 2 3\n", "line 2: must be a word and 2 numbers, got 4 fields"),
        ("cat 1\ndog 1 2\n", "line 2: must be a word and 1 numbers"),
        ("cat\n", "line 1: must be a word and some numbers, got 1 fields"),
        ("cat one two\n", "line 1: could not convert string to float: 'one'"),
        ("cat nan 1\n", "finite"),
        ("cat 1e39 1\n", "finite in float32"),
        ("cat 0 0\n", "none of the 4 words has a vector"),
        (b"\x93NUMPY\xff\xfe", "must be UTF-8 text"),
        ("caté 1 2\n".encode("latin-1"), "must be UTF-8 text"),
        (b"PK\x03\x04" + bytes(200), "line 1: "),
    ],
)
def test_damaged_text(tmp_path, text, message):
    refuses(written(tmp_path, text), message)


def npy(shape, dtype="<f4", data=b""):
    """A .npy whose header promises what it likes."""
    header = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode()
    header = header.ljust(117) + b"\n"  # 10 bytes before it make 128
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


def test_a_sound_header_of_our_own_is_read(tmp_path):
    path = written(tmp_path, npy((4, 2), data=VECTORS.tobytes()), "v.npy")
    np.testing.assert_array_equal(read(path).values, VECTORS)


def zipped():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.npy", b"x")
    return stream.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY",
        b"not an array at all",
        npy((4, 2), data=bytes(31)),  # one byte short
        npy((10**12, 300)),
        npy((2**70, 2)),
        npy((-4, 2), data=bytes(32)),
        npy((4, 2), dtype="|O", data=bytes(32)),  # would need pickle
        npy((4, 2), dtype="nonsense", data=bytes(32)),
        npy(("a", 2), data=bytes(32)),
        npy((4, 2), data=bytes(32)).replace(b"'shape'", b"'shap3'"),
        npy((4, 2), data=bytes(32)).replace(b"{", b"("),
        zipped(),
        npy((0, 2)),
    ],
)
def test_damaged_npy(tmp_path, content):
    refuses(written(tmp_path, content, "v.npy"), r"not a readable \.npy array|got shape \(0, 2\)")


def test_damaged_npy_at_every_byte(tmp_path):
    """Whatever byte is changed or wherever the file ends: vectors or a sentence."""
    stream = io.BytesIO()
    np.save(stream, VECTORS)
    good = stream.getvalue()
    rng = np.random.default_rng(0)
    outcomes = set()
    for position in range(0, len(good), 3):
        changed = bytearray(good)
        changed[position] ^= rng.integers(1, 256)
        for content in (bytes(changed), good[:position]):
            try:
                read(written(tmp_path, content, "v.npy"))
                outcomes.add("read")
            except OptionError:
                outcomes.add("refused")
    assert outcomes == {"read", "refused"}


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (VECTORS[:3], r"there must be 4 rows, got 3; pass the rows' words"),
        (VECTORS[0], r"must be a numeric array \(words, width\), got shape \(2,\)"),
        (VECTORS[:, :0], r"got shape \(4, 0\)"),
        (VECTORS.astype(complex), "complex"),
        (VECTORS.astype(str), "must be a numeric array"),
        (VECTORS.astype(object), "object"),
        ([[1, 2], [3]], "must be a path or an array"),
        ({"cat": [1, 2]}, "must be a numeric array"),
        (7, r"got shape \(\)"),
        (torch.ones(4, 2, requires_grad=True), "must be a path or an array"),
        (np.where(VECTORS == 7, np.nan, VECTORS), "finite"),
        (VECTORS.astype(np.float64) * 1e300, "finite in float32"),
        (VECTORS * 0, "none of the 4 words has a vector"),
    ],
)
def test_unusable_arrays(array, message):
    refuses(array, message)


def test_unusable_words(tmp_path):
    names = list(WORDS)
    refuses(VECTORS, "4 rows, 3 words", words=names[:3])
    refuses(VECTORS, "must be words or a path, got int", words=7)
    refuses(VECTORS, "must be words or a path, got list", words=[1, 2, 3, 4])
    refuses(VECTORS, "must be words or a UTF-8 file", words=tmp_path / "missing.txt")
    refuses(VECTORS, "must be words or a UTF-8 file", words=tmp_path)
    refuses(VECTORS, "UTF-8 file", words=written(tmp_path, b"\xff\xfe", "words.txt"))
    refuses(VECTORS, "none of the 4 words has a vector", words=["a", "b", "c", "d"])
    refuses(VECTORS, r"needs a vocabulary; pass fit\(", vocabulary=None, words=names)
    refuses(written(tmp_path, "\n".join(lines())), "needs a vocabulary", vocabulary=None)


def test_missing_files(tmp_path):
    refuses(tmp_path / "missing.txt", "must be an existing file or an array, got '.*missing.txt'")
    refuses(str(tmp_path), "must be an existing file")


def decoder(n_topics=3, vocabulary=WORDS, **options):
    torch.manual_seed(0)
    context = Context(len(vocabulary), n_topics, n_topics, vocabulary=vocabulary)
    return EmbeddingDecoder(context, **options)


def test_nothing_is_read_before_start(tmp_path):
    part = decoder(vectors=tmp_path / "missing.txt")
    with pytest.raises(OptionError, match="existing file"):
        part.start()


@pytest.mark.parametrize("train_vectors", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_decoder_starts_from_the_vectors(tmp_path, train_vectors, dtype):
    path = written(tmp_path, "\n".join(lines()))
    part = decoder(vectors=path, train_vectors=train_vectors).to(dtype)
    part.start()
    assert part.rho.dtype == part.alpha.dtype == dtype
    np.testing.assert_array_equal(part.rho.detach().numpy(), VECTORS)
    assert part.alpha.shape == (3, 2)
    assert part.rho.requires_grad == train_vectors
    assert part.alpha.requires_grad


def test_logits_start_at_unit_scale_whatever_the_vectors_length():
    rng = np.random.default_rng(0)
    words = tuple(f"w{i}" for i in range(500))
    vectors = rng.normal(size=(500, 50)) * 37
    part = decoder(200, words, vectors=vectors)
    part.start()
    assert part.logits().std().item() == pytest.approx(1.0, rel=0.05)


def test_words_without_a_vector_start_at_random_with_the_vectors_deviation():
    rng = np.random.default_rng(0)
    words = tuple(f"w{i}" for i in range(1000))
    vectors = rng.normal(size=(600, 50)) * 5
    part = decoder(3, words, vectors=vectors, vectors_words=words[:600])
    part.start()
    np.testing.assert_allclose(part.rho[:600].detach().numpy(), vectors.astype(np.float32))
    # 20,000 draws: the deviation's own error is half a percent
    assert part.rho[600:].std().item() == pytest.approx(5, rel=0.03)


def test_few_words_found_is_a_warning():
    part = decoder(vectors=VECTORS[:1], vectors_words=["cat"])
    with pytest.warns(UserWarning, match="only 1 of 4 words have a pretrained vector"):
        part.start()
    assert part.rho.isfinite().all()
    assert part.alpha.isfinite().all()


def test_one_word_one_number_stays_finite():
    part = decoder(vocabulary=("cat", "dog"), vectors=[[3.0]], vectors_words=["cat"])
    part.start()
    assert part.rho.tolist() == [[3.0], [0.0]]
    assert part.alpha.isfinite().all()


def test_a_width_beside_vectors_must_be_theirs():
    decoder(vectors=VECTORS, width=2).start()
    with pytest.raises(OptionError, match="must be the vectors' own width 2, got 5"):
        decoder(vectors=VECTORS, width=5).start()


def test_saved_options_rebuild_without_the_file(tmp_path, batch_of):
    path = written(tmp_path, "\n".join(lines()))
    options = {"vectors": path, "vectors_words": None, "train_vectors": False}
    part = decoder(**options)
    part.start()
    path.unlink()
    kept = part.saved_options(options)
    assert kept == {"train_vectors": False, "width": 2}
    other = decoder(**kept)
    other.load_state_dict(part.state_dict())
    assert not other.rho.requires_grad
    theta, batch = torch.full((1, 3), 1 / 3), batch_of([[1, 0, 2, 3]], 4)
    assert torch.equal(other.log_likelihood(theta, batch), part.log_likelihood(theta, batch))
    assert decoder().saved_options({}) == {"width": 300}


def test_vectors_of_the_corpus_itself_start_rho(planted):
    context = Context(
        vocab_size=planted[0].shape[1],
        n_topics=3,
        n_latent=3,
        start_data=StartData(lambda: planted[0]),
    )
    torch.manual_seed(0)
    made = torch.from_numpy(context.start_data.word_vectors(8))
    meets = made.any(1)
    assert meets.sum() > 10
    decoder = EmbeddingDecoder(context, width=8, vectors="corpus")
    torch.manual_seed(0)
    decoder.start()
    assert torch.equal(decoder.rho[meets], made[meets])
    assert (decoder.rho[~meets] != 0).all()  # the others start at random


def test_vectors_of_a_corpus_need_words_that_meet():
    alone = sp.csr_array(np.eye(6, dtype=np.int64))
    with pytest.raises(TrainingError, match="words that share documents"):
        TopicModel("etm", n_topics=2, epochs=1, decoder__vectors="corpus").fit(alone)
