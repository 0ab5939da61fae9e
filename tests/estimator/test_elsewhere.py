"""Fitted models and topics in the hands of other libraries."""

import copy
import io
import pickle

import numpy as np
import pytest

from topicforge import TopicModel
from topicforge.evaluation import u_mass

TEXTS = ["cats and dogs play together", "stars and moons shine together", "dogs chase cats"] * 9


@pytest.fixture(scope="module")
def model():
    return TopicModel("nvdm-gsm", n_topics=3, epochs=2, seed=0).fit(TEXTS)


def test_pickle_and_joblib_warn_and_point_to_the_folder(model):
    joblib = pytest.importorskip("joblib")
    with pytest.warns(UserWarning, match=r"model\.save\(folder\) and topicforge\.load"):
        again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(TEXTS[:3]), model.transform(TEXTS[:3]))
    with pytest.warns(UserWarning, match=r"model\.save\(folder\)"):
        joblib.dump(model, io.BytesIO())


def test_parameters_and_copies_go_without_a_warning(model):
    pickle.dumps(TopicModel("nvdm-gsm"))
    twin = copy.copy(model)
    assert twin is not model
    assert twin.network_ is model.network_


def test_gensim_scores_our_topics(model):
    gensim = pytest.importorskip("gensim", reason="needs the extra coherence")
    from gensim.models import CoherenceModel

    words = [model.vectorizer_.build_analyzer()(text) for text in TEXTS]
    dictionary = gensim.corpora.Dictionary(words)
    bow = [dictionary.doc2bow(text) for text in words]
    topics = model.topics(4)
    theirs = CoherenceModel(topics=topics, corpus=bow, dictionary=dictionary, coherence="u_mass")
    counts = model.vectorizer_.transform(TEXTS)
    ours = u_mass(topics, counts, model.vocabulary_, top=4, smoothing=1e-12 * len(TEXTS))
    assert theirs.get_coherence() == pytest.approx(ours.value, abs=1e-6)
