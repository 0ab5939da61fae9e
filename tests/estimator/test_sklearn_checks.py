"""scikit-learn's own conformance suite, and the conventions it can't see."""

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import parametrize_with_checks

from topicforge import TopicModel
from topicforge.errors import UnknownNameError


# some checks hand in rows of zeros: the warning about empty documents is meant
@pytest.mark.filterwarnings("ignore:TopicModel. .* documents are empty")
@pytest.mark.filterwarnings("ignore:TopicModel. a pickled model")
@parametrize_with_checks(
    [TopicModel(preset, n_topics=3, epochs=2) for preset in ("default", "w-lda", "etm")],
    expected_failed_checks=lambda _: {
        "check_do_not_raise_errors_in_init_or_set_params": "it passes the name of **options, which "
        "hold the parts' options, as if it were a parameter; a misspelt argument stays a TypeError"
    },
)
def test_scikit_learn_compatible(estimator, check):
    check(estimator)


def small(**params):
    return TopicModel("w-lda", n_topics=3, epochs=2, encoder__hidden=(8,), **params)


def test_part_options_survive_clone_and_repr():
    model = small(prior__concentration=0.3)
    again = clone(model)
    assert again.get_params()["prior__concentration"] == 0.3
    assert "prior__concentration=0.3" in repr(model)


def test_get_params_reaches_options_that_were_not_given():
    params = TopicModel("w-lda").get_params()
    assert params["prior__concentration"] == 0.1
    assert params["divergence__t"] == 1.0
    assert params["encoder__dropout"] == 0.0


def test_grid_search_over_parts_and_their_options(planted):
    counts, _ = planted
    search = GridSearchCV(
        small(),
        {"prior": ["dirichlet", "gaussian"], "divergence__unbiased": [True, False]},
        cv=2,
        error_score="raise",
    ).fit(counts)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_params_["prior"] in ("dirichlet", "gaussian")
    search = GridSearchCV(
        small(), {"prior__concentration": [0.1, 1.0]}, cv=2, error_score="raise"
    ).fit(counts)
    assert set(search.best_params_) == {"prior__concentration"}


def test_pipeline_after_count_vectorizer():
    texts = ["cats purr and sleep", "dogs bark and run", "stars shine at night"] * 10
    pipeline = make_pipeline(CountVectorizer(), small())
    theta = pipeline.fit_transform(texts)
    assert theta.shape == (30, 3)
    assert list(pipeline.get_feature_names_out()) == ["topicmodel0", "topicmodel1", "topicmodel2"]


def test_pandas_output_and_names(planted):
    pd = pytest.importorskip("pandas", reason="needs pandas")
    frame = pd.DataFrame(planted[0].toarray(), columns=[f"word{v}" for v in range(30)])
    model = small().set_output(transform="pandas").fit(frame)
    assert list(model.transform(frame).columns) == ["topicmodel0", "topicmodel1", "topicmodel2"]
    assert model.topics(top=2)[0][0].startswith("word")


def test_options_of_training_and_optimiser_are_parameters_too(planted):
    counts, _ = planted
    held_out = {"validation_fraction": 0.2, "patience": 1}
    model = small(optimiser=("adam", {"beta1": 0.5}), training=held_out)
    params = clone(model).get_params()
    assert (params["optimiser__beta1"], params["training__patience"]) == (0.5, 1)
    assert params["training__reconstruction_scale"] == "length"  # the preset's
    assert clone(model).set_params(training__patience=2).get_params()["training__patience"] == 2
    search = GridSearchCV(
        model, {"training__patience": [1, 2], "optimiser__beta1": [0.9]}, cv=2, error_score="raise"
    ).fit(counts)
    assert search.best_estimator_.settings_.training.beta1 == 0.9


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("n_topcs", "Did you mean 'n_topics'"),
        ("n_components", "it is called n_topics here"),
        ("num_topics", "it is called n_topics here"),
        ("random_state", "it is called seed here"),
        ("max_iter", "it is called epochs here"),
        ("lr", "it is called learning_rate here"),
        ("alpha", "use prior__concentration"),
        ("n_jobs", "use torch.set_num_threads"),
        ("language", "use vectorizer"),
        ("patience", "called training__patience"),
        ("beta1", "called optimiser__beta1"),
        ("priro__variance", "Did you mean 'prior'"),
    ],
)
def test_names_of_other_libraries_get_an_answer(name, answer):
    with pytest.raises(TypeError, match=f"no parameter '{name}'.*{answer}"):
        TopicModel(**{name: 3})
    with pytest.raises(UnknownNameError, match=f"no parameter '{name}'.*{answer}"):
        TopicModel().set_params(**{name: 3})


def test_dense_sparse_and_integer_input_agree(planted):
    counts, _ = planted
    dense = small().fit_transform(counts.toarray())
    for other in (counts, sp.csc_matrix(counts), counts.astype(np.int64)):
        np.testing.assert_array_equal(dense, small().fit_transform(other))
