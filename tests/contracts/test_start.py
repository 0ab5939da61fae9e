import numpy as np
import pytest
import scipy.sparse as sp
import torch

from topicforge import TopicModel
from topicforge.contracts import Context, StartData
from topicforge.contracts.start import bounded_width
from topicforge.errors import TrainingError


def clusters(counts, n_topics, width=None):
    return StartData(lambda: sp.csr_array(counts)).clusters(n_topics, width)


def blocks(n_documents=90, words=10):
    """Documents of three subjects that share no word but the first of each ten."""
    rng = np.random.default_rng(0)
    subject = np.arange(n_documents) % 3
    counts = np.zeros((n_documents, 3 * words), np.float32)
    for d, s in enumerate(subject):
        counts[d, s * words + rng.choice(words, 6, replace=False)] = 1
    return counts, subject


def test_disjoint_subjects_are_clusters():
    counts, subject = blocks()
    found = clusters(counts, 3, 3)
    pairs = {(int(a), int(b)) for a, b in zip(found.labels, subject, strict=True)}
    assert len(pairs) == 3
    for cluster, s in pairs:
        np.testing.assert_array_equal(found.word_counts[cluster], counts[subject == s].sum(0))
    np.testing.assert_allclose(np.linalg.norm(found.centres, axis=1), 1, atol=1e-6)


def test_word_vectors_are_white_and_idf_is_the_logarithm():
    counts, _ = blocks()
    found = clusters(counts, 3, 3)
    gram = found.vectors.T @ found.vectors / counts.shape[1]
    np.testing.assert_allclose(gram, np.eye(3), atol=1e-4)  # float32 singular vectors
    np.testing.assert_allclose(found.idf, np.log(90 / (counts > 0).sum(0)), rtol=1e-6)


def test_made_once_for_all_parts():
    made = StartData(lambda: sp.csr_array(blocks()[0]))
    assert made.clusters(3, 3) is made.clusters(3, 3) is made.clusters(3)


def test_alone_the_width_is_a_25th_of_the_vocabulary_and_at_most_100():
    assert [bounded_width(v) for v in (10, 200, 1250, 5000)] == [2, 8, 50, 100]
    assert clusters(blocks()[0], 3).vectors.shape == (30, 2)


@pytest.mark.parametrize("width", [2, 3, 7])
def test_the_parts_number_their_topics_alike_at_every_width(width):
    rng = np.random.default_rng(1)
    counts = rng.poisson(0.2, (120, 200)) + np.kron(blocks(120, 10)[0], np.ones(7))[:, :200]
    model = TopicModel(n_topics=6, epochs=0, encoder__width=width).fit(counts)
    # before any step, the documents that the encoder gives to a topic are those whose words the
    # decoder starts that topic at
    topic = model.transform(counts).argmax(1)
    own = np.stack([counts[topic == k].sum(0) for k in range(6)])
    own = (own + 1) / (own + 1).sum(1, keepdims=True)
    nearest = (own @ np.log(model.topic_word_).T).argmax(1)
    np.testing.assert_array_equal(
        nearest[np.bincount(topic, minlength=6) > 0],
        np.flatnonzero(np.bincount(topic, minlength=6)),
    )


def test_more_topics_than_documents_and_a_single_document():
    for n in (1, 2):
        found = clusters(blocks()[0][:n], 5, 2)
        assert found.centres.shape == (5, 2)
        assert np.isfinite(found.centres).all()
        assert found.word_counts.sum() == blocks()[0][:n].sum()


def test_documents_that_are_the_same_but_for_rounding():
    # two subjects of identical documents but for their length, four clusters requested
    counts = np.kron(np.eye(2), np.ones((20, 5))) * np.arange(1, 41)[:, None]
    found = clusters(counts, 4, 2)
    assert np.isfinite(found.centres).all()
    assert len(set(found.labels[:20]) & set(found.labels[20:])) == 0


def test_without_documents_it_says_so():
    with pytest.raises(TrainingError, match="training documents"):
        Context(5, 2, 2).start_data.clusters(2)


def test_the_default_starts_where_the_subjects_are():
    counts, subject = blocks()
    model = TopicModel(n_topics=3, epochs=0).fit(counts)
    found = model.transform(counts).argmax(1)
    assert len({(int(a), int(b)) for a, b in zip(found, subject, strict=True)}) == 3
    with pytest.raises(TrainingError, match="training documents"):
        model.network_.context.start_data.documents  # noqa: B018
    words = {frozenset(v // 10 for v in topic) for topic in model.topics(5)}
    assert words == {frozenset({0}), frozenset({1}), frozenset({2})}


def test_an_opened_model_needs_no_documents(tmp_path):
    import topicforge

    counts, _ = blocks()
    model = TopicModel(n_topics=3, epochs=1).fit(counts)
    model.save(tmp_path / "m")
    opened = topicforge.load(tmp_path / "m")
    np.testing.assert_array_equal(opened.transform(counts), model.transform(counts))
    assert torch.equal(opened.network_.encoder.idf, model.network_.encoder.idf)
