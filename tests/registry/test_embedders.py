"""Features computed from texts: a function, or an embedder of another package by name."""

import numpy as np
import pytest

from topicforge import TopicModel, load
from topicforge.contracts import Encoder, Latent
from topicforge.distributions import DiagonalNormal
from topicforge.errors import InputError, UnknownNameError
from topicforge.estimator import inputs

TEXTS = ["cat purr cat", "kitten purr", "stock market", "market price price"] * 5
PACKAGE = """
import numpy as np

def lengths(texts, argument):
    scale = float(argument or 1)
    return np.array([[len(text) * scale, text.count("p")] for text in texts], dtype=np.float32)

@hookimpl
def topicforge_register(register):
    register.embedder("lengths", lengths, summary="lengths of texts", source="this test")
"""


class Reads(Encoder):
    """The features as means."""

    latent = Latent(DiagonalNormal)
    reads_features = True

    def forward(self, batch):
        return DiagonalNormal(batch.features, batch.features * 0)


def lengths(texts):
    assert all(isinstance(text, str) for text in texts)
    return np.array([[len(text), text.count("p")] for text in texts], dtype=np.float32)


@pytest.fixture
def registry(site, monkeypatch):
    site.add("topicforge-lengths", PACKAGE)
    found = site.registry()
    monkeypatch.setattr(inputs, "default_registry", lambda: found)
    return found


def model(embedder):
    return TopicModel(
        encoder=Reads, prior="gaussian", divergence="kl", decoder="mixture", n_topics=2, epochs=1,
        embedder=embedder,
    )  # fmt: skip


def test_a_function_is_called_where_no_features_are_handed_in():
    fitted = model(lengths).fit(TEXTS)
    by_hand = model(None).fit(TEXTS, features=lengths(TEXTS))
    theta = by_hand.transform(TEXTS, features=lengths(TEXTS))
    np.testing.assert_array_equal(fitted.transform(TEXTS), theta)
    # what is handed in goes before
    other = np.zeros((20, 2), dtype=np.float32)
    assert not np.array_equal(fitted.transform(TEXTS, features=other), theta)


def test_an_embedder_by_name_is_kept_with_the_model(registry, tmp_path):
    assert [spec.name for spec in registry.specs("embedder")] == ["lengths"]
    fitted = model("lengths:0.5").fit(TEXTS)
    theta = fitted.transform(TEXTS, features=lengths(TEXTS) * np.float32([0.5, 1]))
    np.testing.assert_array_equal(fitted.transform(TEXTS), theta)
    fitted.save(tmp_path / "model")
    opened = load(tmp_path / "model", parts={"encoder": Reads})
    assert opened.embedder == "lengths:0.5"
    np.testing.assert_array_equal(opened.transform(TEXTS), theta)


@pytest.mark.usefixtures("registry")
def test_what_an_embedder_cannot_read_is_said():
    with pytest.raises(UnknownNameError, match=r"no embedder is called 'lenghts'.*lengths"):
        model("lenghts").fit(TEXTS)
    fitted = model("lengths").fit(TEXTS)
    with pytest.raises(InputError, match="embedder='lengths' reads texts, but X holds counts"):
        fitted.transform(np.ones((2, fitted.n_features_in_)))
    with pytest.raises(InputError, match="a row for each of the 20 documents, got 1 rows"):
        model(lambda _: np.ones((1, 2))).fit(TEXTS)
    with pytest.raises(InputError, match="features must be finite numbers"):
        model(lambda texts: np.full((len(texts), 2), np.nan)).fit(TEXTS)


def test_an_embedder_without_a_function_is_refused(site):
    site.add("topicforge-none", PACKAGE.replace("lengths, summary", "None, summary"))
    with pytest.warns(match="function must be a function"):
        assert not site.registry().specs("embedder")
