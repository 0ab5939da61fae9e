import numpy as np
import pytest
import scipy.sparse as sp
import torch

from topicforge import TopicModel
from topicforge.errors import InputError, OptionError, TopicForgeError, TrainingError
from topicforge.plugin import Callback


def small(preset="w-lda", **params):
    return TopicModel(preset, **{"n_topics": 3, "epochs": 2, "encoder__hidden": (8,), **params})


# ---- repeatability -------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["w-lda", "prodlda", "d-vae", "etm"])
def test_one_seed_repeats_bit_for_bit(planted, preset):
    counts, _ = planted
    first, second = small(preset, seed=7).fit(counts), small(preset, seed=7).fit(counts)
    for name, value in first.network_.state_dict().items():
        assert torch.equal(value, second.network_.state_dict()[name]), name
    other = small(preset, seed=8).fit(counts)
    assert not np.array_equal(first.topic_word_, other.topic_word_)


def test_a_fit_leaves_the_callers_generators_alone(planted):
    torch.manual_seed(3)
    np.random.seed(3)
    expected = torch.get_rng_state(), np.random.get_state()[1].copy()
    small().fit(planted[0])
    small(seed=None).fit(planted[0])
    assert torch.equal(torch.get_rng_state(), expected[0])
    assert (np.random.get_state()[1] == expected[1]).all()


def test_seed_none_differs_each_time(planted):
    first, second = small(seed=None).fit(planted[0]), small(seed=None).fit(planted[0])
    assert not np.array_equal(first.topic_word_, second.topic_word_)


# ---- training --------------------------------------------------------------------------------


def test_history_reports_every_epoch(planted):
    model = small(
        "nvdm-gsm", epochs=3, regularisers=[("warm-up", {"epochs": 2})], batch_size=50
    ).fit(planted[0])
    assert [r.epoch for r in model.history_] == [1, 2, 3]
    report = model.history_[-1]
    assert report.reconstruction > 0
    assert report.documents_per_second > 0
    assert 1 <= report.active_topics <= 3
    # linear warm-up over two epochs of six steps: the last step of epoch 1 has seen 5/6 of half
    assert model.history_[0].divergence_weight == pytest.approx(5 / 12)
    assert report.divergence_weight == 1.0
    assert report.loss == pytest.approx(report.reconstruction + report.divergence, rel=1e-5)


def test_length_scale_is_one_over_mean_length_times_log_vocabulary(planted):
    report = small("w-lda", epochs=1).fit(planted[0]).history_[0]
    scaled = report.reconstruction / (40 * np.log(30))  # every document has 40 words
    assert report.loss == pytest.approx(scaled + report.divergence, rel=1e-4)


def test_free_bits_make_divergence_below_them_free(planted):
    free = [("free-bits", {"nats": 1e3})]
    report = small("nvdm-gsm", epochs=1, regularisers=free).fit(planted[0]).history_[0]
    assert report.loss == pytest.approx(report.reconstruction + 1e3, rel=1e-5)


def test_free_bits_need_a_divergence_per_document(planted):
    with pytest.raises(TopicForgeError, match="free-bits"):
        small("w-lda", regularisers=["free-bits"]).fit(planted[0])


def test_early_stopping_restores_the_best_weights(planted):
    model = small(
        "nvdm-gsm",
        epochs=60,
        learning_rate=0.5,
        training={"validation_fraction": 0.2, "patience": 2},
        regularisers=[],
    ).fit(planted[0])
    losses = [r.validation_loss for r in model.history_]
    assert len(losses) < 60
    assert np.argmin(losses) == len(losses) - 3


def test_learning_rate_schedules(planted):
    by_half = {
        "learning_rate_schedule": "step",
        "learning_rate_factor": 0.5,
        "learning_rate_every": 2,
    }
    step = small(epochs=4, training=by_half, learning_rate=1e-2)
    assert [r.learning_rate for r in step.fit(planted[0]).history_] == [1e-2, 1e-2, 5e-3, 5e-3]
    cosine = small(epochs=4, training__learning_rate_schedule="cosine", learning_rate=1e-2).fit(
        planted[0]
    )
    rates = [r.learning_rate for r in cosine.history_]
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 2e-3


def test_gradient_clipping_bounds_the_step(planted):
    # Adam divides by the gradient's size, so only against a large epsilon is a clip visible
    free = small(epochs=1).fit(planted[0])
    clipped = small(epochs=1, optimiser=("adam", {"gradient_clip": 1e-6, "eps": 1.0})).fit(
        planted[0]
    )
    start = small(epochs=0).fit(planted[0])
    moved = [
        float((m.network_.decoder.weight - start.network_.decoder.weight).detach().norm())
        for m in (free, clipped)
    ]
    assert moved[1] < 1e-6 < moved[0]


def test_alternation_trains_one_side_at_a_time(planted):
    turns = [("alternate", {"epochs": 1})]
    one = small("nvdm-gsm", epochs=1, regularisers=turns).fit(planted[0])
    start = small("nvdm-gsm", epochs=0, regularisers=turns).fit(planted[0])
    assert torch.equal(
        one.network_.encoder.trunk.words.weight, start.network_.encoder.trunk.words.weight
    )
    assert torch.equal(one.network_.link.linear.weight, start.network_.link.linear.weight)
    assert not torch.equal(one.network_.decoder.word, start.network_.decoder.word)
    two = small("nvdm-gsm", epochs=2, regularisers=turns).fit(planted[0])
    assert not torch.equal(
        two.network_.encoder.trunk.words.weight, start.network_.encoder.trunk.words.weight
    )
    assert not torch.equal(two.network_.link.linear.weight, start.network_.link.linear.weight)
    assert torch.equal(two.network_.decoder.word, one.network_.decoder.word)


class StopAfter(Callback):
    def __init__(self, epochs):
        self.epochs, self.steps, self.ended = epochs, 0, False

    def on_step_end(self, step, terms):
        assert step >= 0
        assert {"loss", "reconstruction", "divergence"} <= set(terms)
        self.steps += 1

    def on_epoch_end(self, report):
        return report.epoch >= self.epochs

    def on_fit_end(self, history):
        self.ended = len(history) == self.epochs


def test_callbacks_see_and_stop(planted):
    callback = StopAfter(2)
    model = small(epochs=9, batch_size=100, callbacks=[callback]).fit(planted[0])
    assert (len(model.history_), callback.steps, callback.ended) == (2, 6, True)


class Interrupt(Callback):
    def on_epoch_end(self, report):
        if report.epoch == 2:
            raise KeyboardInterrupt


def test_an_interrupted_fit_leaves_a_usable_model(planted):
    model = small(epochs=50, callbacks=[Interrupt()])
    with pytest.raises(KeyboardInterrupt):
        model.fit(planted[0])
    assert len(model.history_) == 2
    assert model.transform(planted[0]).shape == (300, 3)


def test_a_loss_that_is_not_finite_is_reported_and_loses_nothing(planted):
    model = small("nvdm-gsm").fit(planted[0])
    before = model.topic_word_.copy()
    model.set_params(learning_rate=1e30, epochs=20)
    with pytest.raises(
        TrainingError, match=r"number is encoder 'mlp' of topicforge .* Lower learning_rate"
    ):
        model.fit(planted[0])
    np.testing.assert_array_equal(model.topic_word_, before)


@pytest.mark.parametrize("preset", ["default", "nvdm-gsm"])
def test_partial_fits_are_one_fit(planted, preset):
    counts, _ = planted
    once = TopicModel(preset, n_topics=3, epochs=3, regularisers=["warm-up"]).fit(counts)
    more = TopicModel(preset, n_topics=3, epochs=3, regularisers=["warm-up"])
    for _ in range(3):
        torch.rand(5)  # a caller's own draws change nothing
        more.partial_fit(counts)
        more.transform(counts)
    np.testing.assert_array_equal(more.topic_word_, once.topic_word_)
    np.testing.assert_array_equal(more.transform(counts), once.transform(counts))


def test_partial_fit_goes_on(planted):
    counts, _ = planted
    model = small(epochs=3)
    losses = [model.partial_fit(counts).history_[-1].reconstruction for _ in range(4)]
    assert losses[-1] < losses[0]
    assert len(model.history_) == 4
    with pytest.raises(InputError, match="features"):
        model.partial_fit(counts[:, :10])
    assert model.transform(counts).shape == (300, 3)


def test_gmntm_runs_its_phases(planted):
    model = TopicModel(
        "gmntm",
        n_topics=3,
        epochs=2,
        training__pretrain_epochs=3,
        encoder__hidden=(16,),
        decoder__width=8,
    ).fit(planted[0])
    assert [r.phase for r in model.history_] == ["pretrain"] * 3 + ["train"] * 2
    # topics and theta belong together: both read from the components
    assert model.topic_word_.shape == (3, 30)
    np.testing.assert_allclose(model.transform(planted[0]).sum(1), 1, atol=1e-5)


def test_a_failed_mixture_start_is_reported(planted):
    model = TopicModel(
        "gmntm", n_topics=40, epochs=1, training__pretrain_epochs=1, encoder__hidden=(8,)
    )
    with pytest.raises(TrainingError, match="40 components"):
        model.fit(planted[0][:20])
    assert not hasattr(model, "network_")


def test_score_prefers_the_trained_model(planted):
    untrained = small(epochs=0).fit(planted[0]).score(planted[0])
    trained = small(epochs=60, batch_size=50).fit(planted[0]).score(planted[0])
    assert np.log(1 / 30) * 1.2 < untrained < trained < 0


# ---- input -----------------------------------------------------------------------------------

BAD = {
    "no documents": (sp.csr_matrix((0, 5)), "minimum of 1"),
    "no words": (np.zeros((4, 0)), "0 feature"),
    "all empty": (sp.csr_matrix((4, 5)), "all empty"),
    "nan": (np.array([[1.0, np.nan], [1.0, 2.0]]), "NaN"),
    "infinite": (np.array([[1.0, np.inf], [1.0, 2.0]]), "infinity"),
    "negative": (np.array([[1.0, -2.0], [1.0, 2.0]]), "Negative values"),
    "one dimension": (np.array([1.0, 2.0]), "2D array"),
    "empty texts": (["", " "], "no words"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_named_and_nothing_is_lost(planted, name):
    bad, match = BAD[name]
    model = small().fit(planted[0])
    before = model.transform(planted[0])
    with pytest.raises(InputError, match=match):
        model.fit(bad)
    np.testing.assert_array_equal(model.transform(planted[0]), before)


def test_another_width_is_named(planted):
    model = small().fit(planted[0])
    with pytest.raises(InputError, match="30 features"):
        model.transform(planted[0][:, :7])


def test_texts_need_a_model_of_texts(planted):
    with pytest.raises(InputError, match="fitted to counts"):
        small().fit(planted[0]).transform(["hello world"])


def test_empty_documents_get_the_priors_mean_and_a_word(planted):
    counts = sp.vstack([planted[0], sp.csr_matrix((2, 30))]).tocsr()
    model = small()
    with pytest.warns(UserWarning, match="2 of 302 documents are empty"):
        model.fit(counts)
    with pytest.warns(UserWarning, match="2 of 302"):
        theta = model.transform(counts)
    np.testing.assert_allclose(theta[-2:], 1 / 3, atol=1e-6)  # a symmetric Dirichlet's mean
    with pytest.warns(UserWarning, match="empty"):
        np.testing.assert_array_equal(small().fit(planted[0]).transform(counts)[:300], theta[:300])


@pytest.mark.parametrize("preset", ["default", "nvdm-gsm", "w-lda", "etm", "prodlda", "d-vae"])
@pytest.mark.parametrize(("n_documents", "n_topics"), [(1, 3), (1, 1), (5, 1), (5, 60), (201, 3)])
def test_small_shapes(planted, preset, n_documents, n_topics):
    model = TopicModel(preset, n_topics=n_topics, epochs=2).fit(planted[0][:n_documents])
    theta = model.transform(planted[0])
    assert theta.shape == (300, n_topics)
    np.testing.assert_allclose(theta.sum(1), 1, atol=1e-5)
    assert len(model.topics(50)[0]) == 30


def test_fractional_counts_are_weights(planted):
    theta = small().fit_transform(planted[0] * 0.5)
    np.testing.assert_allclose(theta.sum(1), 1, atol=1e-5)


@pytest.mark.parametrize(
    ("vocabulary", "match"), [(["a"] * 30, "'a' is both"), (["a", "b"], "30 columns, 2 words")]
)
def test_vocabulary_must_fit(planted, vocabulary, match):
    with pytest.raises(InputError, match=match):
        small(vocabulary=vocabulary).fit(planted[0])


def test_topics_are_words_where_there_are_words(planted):
    words = [f"w{v}" for v in range(30)]
    model = small(vocabulary=words).fit(planted[0])
    assert model.topics(top=4) == [[words[v] for v in t] for t in small().fit(planted[0]).topics(4)]
    with pytest.raises(InputError, match="30 columns, 1 words"):
        model.topics(vocabulary=["a"])
    with pytest.raises(OptionError, match="at least 1"):
        model.topics(top=0)


@pytest.mark.parametrize("n_topics", [0, -1, 2.5, "many"])
def test_n_topics_must_be_a_positive_number(planted, n_topics):
    with pytest.raises(OptionError, match="n_topics"):
        small(n_topics=n_topics).fit(planted[0])


def test_nothing_of_size_documents_times_vocabulary_is_dense(monkeypatch):
    # 20,000 documents over 100,000 words would be 8 GB dense; toarray/todense must not be called
    for name in ("toarray", "todense"):
        monkeypatch.setattr(sp.csr_matrix, name, lambda *_: pytest.fail("made dense"))
    rng = np.random.default_rng(0)
    counts = sp.csr_matrix(
        (
            np.ones(60_000, np.float32),
            (np.repeat(np.arange(20_000), 3), rng.integers(0, 100_000, 60_000)),
        ),
        shape=(20_000, 100_000),
    )
    theta = small("nvdm-gsm", epochs=1, decoder__width=4, batch_size=4000).fit_transform(counts)
    assert theta.shape == (20_000, 3)


def test_a_device_that_is_not_there_is_named(planted):
    absent = "cuda:99"  # no machine has so many
    with pytest.raises(OptionError, match="device"):
        small(device=absent).fit(planted[0])
