import json
import os
import shutil

import numpy as np
import pytest
from injector import kills

from topicforge.corpus import Corpus, Counts
from topicforge.corpus.folder import CORPUS
from topicforge.errors import CorpusError, InputError, OutputError, StorageError
from topicforge.storage import write_manifest

DENSE = np.array([[0, 2, 0, 1], [0, 0, 0, 0], [3, 0, 1, 0]])
WORDS = ("word", "слово", "词语", "don't")


def make(**changed):
    given = {
        "counts": Counts.from_matrix(DENSE),
        "vocabulary": WORDS,
        "labels": ("a b", "", "ü"),
        "name": "three",
        "description": {"made": "by hand"},
    }
    return Corpus(**{**given, **changed})


@pytest.fixture
def folder(tmp_path):
    return make().save(tmp_path / "corpus")


def test_what_is_saved_is_opened(folder):
    corpus = Corpus.open(folder, verify=True)
    np.testing.assert_array_equal(corpus.counts.to_scipy().toarray(), DENSE)
    assert corpus.vocabulary == WORDS
    assert corpus.labels == ("a b", None, "ü")
    assert (corpus.name, corpus.description) == ("three", {"made": "by hand"})
    assert (corpus.n_documents, corpus.vocab_size, corpus.n_empty) == (3, 4, 1)
    described = json.loads((folder / "corpus.json").read_text(encoding="utf-8"))
    assert described["empty_documents"] == 1
    assert described["words"] == DENSE.sum()
    assert sorted(os.listdir(folder)) == [
        "corpus.json", "counts.npy", "indices.npy", "indptr.npy", "labels.txt", "manifest.json",
        "vocabulary.txt",
    ]  # fmt: skip


def test_arrays_are_mapped_read_only_and_readable_by_numpy_alone(folder):
    counts = Corpus.open(folder).counts
    for name in ("indptr", "indices", "counts"):
        array = getattr(counts, name)
        assert isinstance(array.base, np.memmap)
        assert not array.flags.writeable
        np.testing.assert_array_equal(array, np.load(folder / f"{name}.npy", allow_pickle=False))


def test_without_words_labels_or_entries(tmp_path):
    empty = Counts.from_matrix(np.zeros((2, 3)))
    corpus = Corpus.open(Corpus(empty).save(tmp_path / "a" / "b"), verify=True)
    assert corpus.vocabulary is None
    assert corpus.labels is None
    assert corpus.counts.n_entries == 0


def test_fractional_counts_survive(tmp_path):
    counts = Counts.from_matrix(np.array([[0.5, 0.0], [0.0, 1.75]]))
    back = Corpus.open(Corpus(counts).save(tmp_path / "c"), verify=True).counts
    np.testing.assert_array_equal(back.to_scipy().toarray(), [[0.5, 0.0], [0.0, 1.75]])


def test_saving_twice_replaces_and_leaves_nothing_beside(folder):
    opened = Corpus.open(folder)
    make(labels=None, name="again").save(folder)
    assert Corpus.open(folder, verify=True).name == "again"
    assert not (folder / "labels.txt").exists()
    assert os.listdir(folder.parent) == ["corpus"]
    # what was opened before goes on to work
    np.testing.assert_array_equal(opened.counts.to_scipy().toarray(), DENSE)


def test_a_corpus_can_be_saved_onto_its_own_folder(folder):
    Corpus.open(folder).save(folder)
    np.testing.assert_array_equal(
        Corpus.open(folder, verify=True).counts.to_scipy().toarray(), DENSE
    )


def test_equal_corpora_are_equal_bytes(folder, tmp_path):
    other = make().save(tmp_path / "other")
    for name in os.listdir(folder):
        assert (folder / name).read_bytes() == (other / name).read_bytes()


def test_a_kill_at_any_moment_leaves_the_old_corpus_or_the_new_one(folder):
    names = []
    for _ in kills(lambda: make(name="new").save(folder), lambda: make(name="old").save(folder)):
        names.append(Corpus.open(folder).name)
        make(name="again").save(folder)
        assert os.listdir(folder.parent) == ["corpus"]
    assert names == sorted(names, reverse=True)
    assert set(names) == {"old", "new"}


def test_a_folder_of_something_else_is_never_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "1.jpg").write_bytes(b"x")
    with pytest.raises(OutputError, match="other files"):
        make().save(tmp_path / "photos")
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="is a file"):
        make().save(tmp_path / "file")
    assert (tmp_path / "photos" / "1.jpg").read_bytes() == b"x"
    (tmp_path / "empty").mkdir()
    make().save(tmp_path / "empty")


def test_a_place_that_can_not_be_written_is_an_error_of_ours(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="file must be a folder"):
        make().save(tmp_path / "file" / "corpus")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"vocabulary": WORDS[:3]}, "4 columns, 3 words"),
        ({"vocabulary": ("a", "b", "a", "c")}, "'a' is both word 0 and word 2"),
        ({"vocabulary": ("a", "b c", "d", "e")}, "white space"),
        ({"vocabulary": ("a", "b\n", "d", "e")}, "white space"),
        ({"vocabulary": ("a", "b\u2028", "d", "e")}, "white space"),
        ({"vocabulary": ("a", "", "d", "e")}, "white space"),
        ({"vocabulary": ("a", 1, "d", "e")}, "strings"),
        ({"vocabulary": ("a", "\ud800", "d", "e")}, "UTF-8"),
        ({"vocabulary": "abcd"}, "one string"),
        ({"labels": ("a", "b")}, "3 documents, 2 labels"),
        ({"labels": ("a", "b", "c\nd")}, "one line"),
        ({"labels": ("a", "b", "\udfff")}, "UTF-8"),
        ({"counts": DENSE}, "from_matrix"),
    ],
)
def test_words_and_labels_that_do_not_fit(changed, says):
    with pytest.raises(InputError, match=says):
        make(**changed)


def test_a_description_beyond_json_writes_nothing(tmp_path):
    for value in (object(), float("nan")):
        with pytest.raises(InputError, match="JSON"):
            make(description={"x": value}).save(tmp_path / "corpus")
    assert os.listdir(tmp_path) == []


# ---- what can be wrong with a folder -----------------------------------------------------------


def edit(folder, **changed):
    path = folder / "corpus.json"
    described = json.loads(path.read_text(encoding="utf-8"))
    described.update(changed)
    path.write_text(json.dumps(described), encoding="utf-8")
    write_manifest(folder, CORPUS)


FILES = ["indptr.npy", "indices.npy", "counts.npy", "vocabulary.txt", "labels.txt"]


@pytest.mark.parametrize("name", FILES)
def test_missing_and_truncated_files(folder, name):
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[:-1])
    with pytest.raises(CorpusError, match=f"{name}: must have {len(content)} bytes"):
        Corpus.open(folder)
    (folder / name).unlink()
    with pytest.raises(CorpusError, match=f"{name}: can't be read: No such file"):
        Corpus.open(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_found_by_verify(folder, name):
    content = bytearray((folder / name).read_bytes())
    content[-2] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(CorpusError):
        Corpus.open(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"format": 2}', "[" * 100_000, "\xff"])
def test_foreign_descriptions(folder, text):
    (folder / "corpus.json").write_text(text, encoding="latin-1")
    write_manifest(folder, CORPUS)
    with pytest.raises(CorpusError, match=r"corpus\.json"):
        Corpus.open(folder)


@pytest.mark.parametrize(
    "changed",
    [
        {"documents": 4}, {"documents": "3"}, {"documents": None}, {"entries": 1}, {"entries": True},
        {"vocab_size": 0}, {"vocab_size": -1}, {"vocab_size": 3}, {"vocab_size": 10**30},
        {"name": 1}, {"description": []}, {"format": 2}, {"format": 2, "shards": []},
    ],
    ids=str,
)  # fmt: skip
def test_descriptions_that_do_not_fit(folder, changed):
    edit(folder, **changed)
    with pytest.raises(CorpusError):
        Corpus.open(folder)


def test_no_corpus_folder(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(CorpusError, match="must be a corpus folder"):
            Corpus.open(path)


def replace(folder, name, write):
    with (folder / name).open("wb") as file:
        write(file)
    write_manifest(folder, CORPUS)


@pytest.mark.parametrize(
    "array",
    [
        np.array([0, 4, 4, 2]),
        np.array([0, 9, 2, 4]),
        np.array([0.0, 2.0, 2.0, 4.0]),
        np.array([[0, 2, 2, 4]]),
        np.array([{"a": 1}], dtype=object),
    ],
    ids=str,
)
def test_arrays_of_another_kind_in_their_place(folder, array):
    replace(folder, "indptr.npy", lambda file: np.save(file, array))
    with pytest.raises(CorpusError):
        Corpus.open(folder)


def test_an_npz_in_place_of_an_array(folder):
    replace(folder, "counts.npy", lambda file: np.savez(file, a=np.ones(4)))
    with pytest.raises(CorpusError):
        Corpus.open(folder)


def test_labels_of_another_corpus(folder, tmp_path):
    shutil.copy(make(labels=("x", "y", "z")).save(tmp_path / "o") / "labels.txt", folder)
    with pytest.raises(CorpusError, match=r"labels\.txt"):
        Corpus.open(folder)


def test_a_file_that_no_corpus_has(folder):
    (folder / "more.npy").write_bytes(b"x")
    Corpus.open(folder)
    write_manifest(folder, CORPUS)
    with pytest.raises(CorpusError, match="do not belong together"):
        Corpus.open(folder)
