"""Features of documents beside their counts, from fit to transform and through a saved model."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import nn

from topicforge import TopicModel, load
from topicforge.corpus import build_corpus
from topicforge.errors import InputError
from topicforge.plugin import DiagonalNormal, Encoder, Latent


class FeatureEncoder(Encoder):
    """q(z | features): no word is read."""

    latent = Latent(DiagonalNormal)
    reads_features = True

    def __init__(self, context):
        super().__init__(context)
        self.loc = nn.Linear(context.n_features, context.n_latent)

    def forward(self, batch):
        loc = self.loc(batch.features)
        return DiagonalNormal(loc, torch.full_like(loc, -4.0))


def model(**settings):
    return TopicModel(
        "nvdm-gsm", encoder=FeatureEncoder, n_topics=3, epochs=60, learning_rate=0.05, **settings
    )


@pytest.fixture(scope="module")
def two_groups():
    """Documents of words 0 to 4 with feature (1, 0), and of words 5 to 9 with feature (0, 1)."""
    rng = np.random.default_rng(0)
    group = np.repeat([0, 1], 60)
    share = np.kron(np.eye(2), np.full(5, 0.2))
    counts = sp.csr_matrix(rng.multinomial(20, share[group]), dtype=np.float32)
    return counts, np.eye(2, dtype=np.float32)[group]


@pytest.fixture(scope="module")
def fitted(two_groups):
    counts, features = two_groups
    return model().fit(counts, features=features)


def test_theta_follows_the_features(two_groups, fitted):
    counts, features = two_groups
    theta = fitted.transform(counts, features=features)
    # one feature vector a group, so one theta a group, and the words of the two groups differ
    np.testing.assert_allclose(theta[:60], theta[:1].repeat(60, 0), atol=1e-6)
    words = theta[[0, 60]] @ fitted.topic_word_
    assert words[0, :5].sum() > 0.8
    assert words[1, 5:].sum() > 0.8


def test_documents_without_words_are_read_by_their_features(two_groups, fitted, recwarn):
    counts, features = two_groups
    theta = fitted.transform(counts, features=features)
    empty = fitted.transform(sp.csr_matrix((120, 10), dtype=np.float32), features=features)
    np.testing.assert_allclose(empty, theta, atol=1e-6)
    assert not [w for w in recwarn if "empty" in str(w.message)]


def test_a_document_does_not_depend_on_its_neighbours(two_groups, fitted):
    counts, features = two_groups
    alone = np.concatenate(
        [fitted.transform(counts[i : i + 1], features=features[i : i + 1]) for i in (0, 60)]
    )
    np.testing.assert_array_equal(alone, fitted.transform(counts, features=features)[[0, 60]])


def test_a_saved_model_reads_them_too(two_groups, fitted, tmp_path):
    counts, features = two_groups
    fitted.save(tmp_path / "model")
    opened = load(tmp_path / "model", parts={"encoder": FeatureEncoder})
    np.testing.assert_array_equal(
        opened.transform(counts, features=features), fitted.transform(counts, features=features)
    )


def test_every_float_type_and_a_memory_map_give_the_same(two_groups, fitted, tmp_path):
    counts, features = two_groups
    np.save(tmp_path / "features.npy", features.astype(np.float16))  # 0 and 1 are exact
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    expected = fitted.transform(counts, features=features)
    for given in (mapped, features.astype(np.float64), features.astype(int), features.tolist()):
        np.testing.assert_array_equal(fitted.transform(counts, features=given), expected)


def test_score_and_partial_fit_take_them(two_groups):
    counts, features = two_groups
    trained = model().partial_fit(counts, features=features)
    before = trained.score(counts, features=features)
    for _ in range(40):
        trained.partial_fit(counts, features=features)
    assert trained.score(counts, features=features) > before
    assert trained.fit_transform(counts, features=features).shape == (120, 3)


@pytest.mark.parametrize(
    ("features", "match"),
    [
        (None, "reads features of the documents.*fit\\(X, features="),
        (np.ones((119, 2)), "a row for each of the 120 documents, got 119"),
        (np.full((120, 2), np.nan), "must be finite numbers.*NaN"),
        (np.ones(120), "must be finite numbers, \\(N, F\\)"),
        ([["a", "b"]] * 120, "must be finite numbers"),
    ],
    ids=["none", "too few", "nan", "one dimension", "text"],
)
def test_fit_names_unusable_features(two_groups, features, match):
    with pytest.raises(InputError, match=match):
        model().fit(two_groups[0], features=features)


@pytest.mark.parametrize(
    ("width", "match"), [(None, "2 columns, got 0; hand them in"), (3, "2 columns, got 3$")]
)
def test_transform_wants_the_width_of_the_fit(two_groups, fitted, width, match):
    features = None if width is None else np.ones((120, width))
    with pytest.raises(InputError, match=match):
        fitted.transform(two_groups[0], features=features)


def test_an_encoder_that_reads_counts_alone_refuses_them(two_groups):
    counts, features = two_groups
    with pytest.raises(InputError, match="encoder 'mlp' reads counts alone"):
        TopicModel("nvdm-gsm", n_topics=3, epochs=1).fit(counts, features=features)


def test_a_corpus_of_other_words_is_refused(tmp_path):
    (tmp_path / "texts.txt").write_text("red green blue\ngreen blue red\n" * 5)
    (tmp_path / "other.txt").write_text("one two three\ntwo three one\n" * 5)
    options = {"vectorizer": "any", "pruning": {"min_df": 1, "max_df": 1.0}}
    corpus = build_corpus(tmp_path / "texts.txt", **options)
    other = build_corpus(tmp_path / "other.txt", **options)
    fitted = TopicModel("nvdm-gsm", n_topics=2, epochs=1).fit(corpus)
    assert fitted.transform(corpus).shape == (10, 2)
    with pytest.raises(InputError, match=r"column 0 is .* in X and .* in the fit"):
        fitted.transform(other)


def test_an_interruption_while_topics_are_read_out_does_not_lose_the_fit(two_groups, monkeypatch):
    counts, features = two_groups
    adopt, calls = TopicModel._adopt, []

    def interrupted_once(self, *args):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        adopt(self, *args)

    monkeypatch.setattr(TopicModel, "_adopt", interrupted_once)
    trained = model()
    with pytest.raises(KeyboardInterrupt):
        trained.fit(counts, features=features)
    assert len(trained.history_) == 60


def test_a_report_leaves_out_what_features_do_not_allow(two_groups, fitted, tmp_path):
    pytest.importorskip("plotly", reason="needs the extra plot")
    counts, features = two_groups
    page = fitted.report(counts, tmp_path / "r.html", features=features).read_text(encoding="utf-8")
    assert '"name":"npmi"' in page
    assert '"name":"perplexity"' not in page
