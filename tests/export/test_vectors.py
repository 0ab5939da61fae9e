"""Word and topic vectors as text, read back by gensim."""

import numpy as np
import pytest

from topicforge import TopicModel
from topicforge.errors import ExportError, InputError, StorageError
from topicforge.export import write_vectors

WORDS = [f"w{v}" for v in range(29)] + ["two words"]


def test_the_format_by_hand(tmp_path):
    vectors = np.array([[1, -0.5], [0.1, 3e-9]], dtype=np.float32)
    size = write_vectors(tmp_path / "v.txt", ["a b", "c"], vectors)
    text = (tmp_path / "v.txt").read_text()
    assert text == "2 2\na_b 1.e+00 -5.e-01\nc 1.e-01 3.e-09\n"
    assert size == len(text)


@pytest.mark.parametrize(
    ("options", "of"),
    [
        ({}, lambda n: (n.encoder.word, n.encoder.loc.weight)),
        ({"preset": "etm"}, lambda n: (n.decoder.rho, n.decoder.alpha)),
        ({"preset": "nvdm-gsm"}, lambda n: (n.decoder.word, n.decoder.topic)),
    ],
    ids=["default", "etm", "nvdm-gsm"],
)
def test_gensim_reads_every_number_back(planted, tmp_path, options, of):
    models = pytest.importorskip("gensim.models", reason="needs gensim")
    model = TopicModel(n_topics=3, epochs=1, vocabulary=WORDS, **options).fit(planted[0])
    model.edits.merge(0, 2)
    model.export_vectors(tmp_path / "v.txt")
    read = models.KeyedVectors.load_word2vec_format(str(tmp_path / "v.txt"))
    assert read.index_to_key == [*WORDS[:-1], "two_words", "topic_0", "topic_1"]
    words, topics = (x.detach().numpy() for x in of(model.network_))
    np.testing.assert_array_equal(read["w7"], words[7])
    np.testing.assert_array_equal(read["topic_1"], topics[1])
    np.testing.assert_allclose(read["topic_0"], topics[[0, 2]].mean(0), rtol=1e-6)


def test_what_has_no_vectors_says_so(planted, tmp_path):
    plain = TopicModel("prodlda", n_topics=3, epochs=1, vocabulary=WORDS).fit(planted[0])
    with pytest.raises(ExportError, match="neither decoder nor encoder has vectors"):
        plain.export_vectors(tmp_path / "v.txt")
    nameless = TopicModel(n_topics=3, epochs=1).fit(planted[0])
    with pytest.raises(InputError, match="words are needed"):
        nameless.export_vectors(tmp_path / "v.txt")
    named = TopicModel(n_topics=3, epochs=1, vocabulary=WORDS).fit(planted[0])
    with pytest.raises(StorageError):
        named.export_vectors(tmp_path / "none" / "v.txt")
