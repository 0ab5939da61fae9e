"""Theta in shards: the numbers of transform, whatever the shards, and what may be wrong with a folder."""

import numpy as np
import pytest
import scipy.sparse as sp

import topicforge
from topicforge import TopicModel
from topicforge.corpus import Counts
from topicforge.errors import InputError, OptionError, OutputError, StorageError


@pytest.fixture(scope="module")
def counts():
    bow = np.random.default_rng(0).poisson(0.4, (2500, 20))
    bow[[3, 2400]] = 0
    return Counts.from_matrix(sp.csr_array(bow))


@pytest.fixture(scope="module")
def model(counts):
    with pytest.warns(UserWarning, match="2 of 2500 documents are empty"):
        return TopicModel("nvdm-gsm", n_topics=4, epochs=1, encoder__hidden=(8,)).fit(counts)


pytestmark = pytest.mark.filterwarnings("ignore:.*documents are empty:UserWarning")


@pytest.mark.parametrize("kind", ["npy", "parquet"])
@pytest.mark.parametrize("shard_documents", [1, 777, 1024, 2500, 10_000])
def test_shards_hold_what_transform_gives(model, counts, tmp_path, kind, shard_documents):
    if shard_documents == 1:
        counts = counts.select(slice(0, 20))
    expected = model.transform(counts)
    told = []
    theta = model.transform_to(
        counts, tmp_path / "theta", format=kind, shard_documents=shard_documents,
        on_shard=lambda done, n: told.append((done, n)),
    )  # fmt: skip
    opened = topicforge.open_theta(tmp_path / "theta")
    assert opened == theta
    np.testing.assert_array_equal(np.concatenate(list(opened)), expected)
    n = counts.n_documents
    assert len(opened) == n
    assert opened.n_shards == -(-n // shard_documents)
    assert len(told) == opened.n_shards
    assert told[-1] == (n, n)
    names = {path.name for path in (tmp_path / "theta").iterdir()}
    assert names == {"theta.json", *(opened.file(s).name for s in range(opened.n_shards))}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", ["npy", "parquet"])
def test_it_is_taken_up_where_it_ended(model, counts, tmp_path, kind):
    folder, options = tmp_path / "theta", {"format": kind, "shard_documents": 600}
    model.transform_to(counts, folder, **options)
    whole = contents(folder)

    class StopError(Exception):
        pass

    def stop(done, n):
        if done > n / 3:
            raise StopError

    cut = tmp_path / "cut"
    with pytest.raises(StopError):
        model.transform_to(counts, cut, on_shard=stop, **options)
    assert len(contents(cut)) == 3
    kept = (cut / f"theta-00000.{kind}").stat().st_mtime_ns
    (cut / f"theta-00001.{kind}").write_bytes(whole[f"theta-00001.{kind}"][:-40])  # torn
    (cut / ".theta-00002.npy.01234567.part").write_bytes(
        b"left behind by a process that was killed"
    )
    with pytest.raises(InputError, match=r"theta-00001.*is damaged; give the transform"):
        topicforge.open_theta(cut).shard(1)
    with pytest.raises(InputError, match=r"theta-00004.*is missing"):
        topicforge.open_theta(cut).shard(4)
    model.transform_to(counts, cut, **options)
    assert contents(cut) == whole
    assert (cut / f"theta-00000.{kind}").stat().st_mtime_ns == kept


def test_another_model_corpus_or_layout_is_refused_and_nothing_is_lost(model, counts, tmp_path):
    folder = tmp_path / "theta"
    model.transform_to(counts, folder, shard_documents=1000)
    before = contents(folder)
    other = TopicModel("nvdm-gsm", n_topics=4, epochs=1, seed=1, encoder__hidden=(8,)).fit(counts)
    with pytest.raises(OutputError, match="another model or other documents"):
        other.transform_to(counts, folder, shard_documents=1000)
    turned = counts.select(np.arange(2500)[::-1])
    with pytest.raises(OutputError, match="another model or other documents"):
        model.transform_to(turned, folder, shard_documents=1000)
    with pytest.raises(OutputError, match="shard_documents 1000, here it is 500"):
        model.transform_to(counts, folder, shard_documents=500)
    with pytest.raises(OutputError, match="kind 'npy', here it is 'parquet'"):
        model.transform_to(counts, folder, shard_documents=1000, format="parquet")
    assert contents(folder) == before


def test_a_folder_of_something_else_is_left_alone(model, counts, tmp_path):
    (tmp_path / "letters.txt").write_text("dear")
    with pytest.raises(
        OutputError,
        match=r"must be new, empty or hold shards of theta, but it holds 'letters\.txt'",
    ):
        model.transform_to(counts, tmp_path)
    with pytest.raises(OutputError, match="must be a folder"):
        model.transform_to(counts, tmp_path / "letters.txt")
    assert contents(tmp_path) == {"letters.txt": b"dear"}


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"format": 2}', '{"format": 1, "documents": -1}', "[" * 100_000,
     '{"format": 1, "documents": 5, "topics": true, "shard_documents": 2, "kind": "npy"}',
     '{"format": 1, "documents": 5, "topics": 3, "shard_documents": 2, "kind": "../x"}'],
)  # fmt: skip
def test_a_damaged_description_is_one_sentence(tmp_path, text):
    (tmp_path / "theta.json").write_text(text)
    with pytest.raises(StorageError, match=r"theta\.json"):
        topicforge.open_theta(tmp_path)


def test_options_have_domains(model, counts, tmp_path):
    with pytest.raises(OptionError, match="format must be one of npy, parquet, got 'csv'"):
        model.transform_to(counts, tmp_path, format="csv")
    for wrong in (0, 1.5, True):
        with pytest.raises(OptionError, match="shard_documents"):
            model.transform_to(counts, tmp_path, shard_documents=wrong)
    assert not list(tmp_path.iterdir())
