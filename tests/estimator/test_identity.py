"""Work goes on only on the same documents, features, words and word vectors."""

import numpy as np
import pytest
import scipy.sparse as sp

from topicforge import TopicModel
from topicforge.corpus import Counts, ShardedCounts
from topicforge.errors import CheckpointError, OutputError
from topicforge.training import Documents

RNG = np.random.default_rng(0)
COUNTS = sp.csr_array(RNG.poisson(0.6, (40, 12)))
FEATURES = RNG.normal(size=(40, 3)).astype(np.float32)
WORDS = [f"w{v}" for v in range(12)]


def checksum(counts, features=None):
    return Documents(Counts.from_matrix(counts), features).checksum()


def changed():
    """The same sizes, and in most cases the same sums of rows and columns."""
    dense = COUNTS.toarray()
    yield "another order", dense[::-1]
    yield "two documents exchanged", dense[[1, 0, *range(2, 40)]]
    # a square of counts turned keeps every row's and every column's sum
    for rows in ((a, b) for a in range(40) for b in range(a)):
        for columns in ((a, b) for a in range(12) for b in range(a)):
            corner = dense[np.ix_(rows, columns)]
            if (corner == [[1, 2], [2, 1]]).all():
                turned = dense.copy()
                turned[np.ix_(rows, columns)] = corner[::-1]
                yield "a square turned", turned
                return


def test_every_change_of_the_documents_changes_the_checksum():
    found = {"as they are": checksum(COUNTS)} | {name: checksum(c) for name, c in changed()}
    found["features"] = checksum(COUNTS, FEATURES)
    other = FEATURES.copy()
    other[-1, -1] += 1
    found["another feature"] = checksum(COUNTS, other)
    assert len(found) == 6
    assert len(set(found.values())) == 6


def test_shards_and_types_do_not_change_it():
    parts = [Counts.from_matrix(COUNTS[:13]), Counts.from_matrix(COUNTS[13:])]
    assert Documents(ShardedCounts(parts)).checksum() == checksum(COUNTS)
    assert checksum(COUNTS.astype(np.float32)) == checksum(COUNTS)


@pytest.fixture
def vectors(tmp_path):
    def write(seed):
        path = tmp_path / "vectors.txt"
        values = np.random.default_rng(seed).normal(size=(12, 5))
        rows = (f"{w} {' '.join(map(str, row))}" for w, row in zip(WORDS, values, strict=True))
        path.write_text("12 5\n" + "\n".join(rows) + "\n")
        return str(path)

    return write


def test_a_checkpoint_of_other_inputs_is_refused(tmp_path, vectors):
    def fit(counts=COUNTS, words=WORDS, seed=0):
        TopicModel(
            "etm",
            n_topics=3,
            epochs=1,
            vocabulary=words,
            decoder__vectors=vectors(seed),
            decoder__width=5,
        ).fit(counts, checkpoint=tmp_path / "c", checkpoint_every=0)

    fit()
    fit()
    for name, counts in changed():
        with pytest.raises(CheckpointError, match="of another training: its documents"):
            fit(sp.csr_array(counts))
        del name
    with pytest.raises(CheckpointError, match="of another training: its inputs"):
        fit(seed=1)
    with pytest.raises(CheckpointError, match="of another training: its vocabulary"):
        fit(words=[WORDS[1], WORDS[0], *WORDS[2:]])


def test_theta_of_other_documents_is_refused(tmp_path):
    model = TopicModel(n_topics=3, epochs=1).fit(COUNTS)
    model.transform_to(COUNTS, tmp_path / "theta", shard_documents=10)
    for _, counts in changed():
        with pytest.raises(OutputError, match="of another model or other documents"):
            model.transform_to(sp.csr_array(counts), tmp_path / "theta", shard_documents=10)
    model.transform_to(COUNTS, tmp_path / "theta", shard_documents=10)
