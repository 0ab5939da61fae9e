"""Document completion: perplexity and score by the decoder that was trained."""

import math

import numpy as np
import pytest
import torch

from topicforge import TopicModel
from topicforge.errors import InputError
from topicforge.evaluation import perplexity, split_halves

PRESETS = ("etm", "w-lda", "prodlda", "d-vae", "gmntm")


def fitted(planted, preset, **settings):
    return TopicModel(preset, n_topics=3, epochs=2, seed=1, **settings).fit(planted[0])


@pytest.mark.parametrize("preset", PRESETS)
def test_completion_is_the_decoders_own_probability(planted, preset):
    model = fitted(planted, preset)
    first, second = split_halves(planted[0][:20])
    network = model.network_
    with torch.no_grad():
        # theta as the decoder gets it, and every word's probability there, as a matrix
        theta = torch.from_numpy(theta_of(model, first))
        p = network.decoder.topic_word(theta).double().numpy()
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    found = model.completion(first, second)
    np.testing.assert_allclose(found, (second.toarray() * np.log(p)).sum(1), rtol=1e-4)


def theta_of(model, counts):
    from topicforge.estimator.inference import in_order
    from topicforge.estimator.inputs import read_input

    documents = read_input(model, counts, fitting=False).documents
    (batch,) = in_order(documents, 100, torch.device("cpu"))
    network = model.network_
    return network.link(network.posterior(batch).mean).exp().numpy()


@pytest.mark.parametrize("preset", PRESETS)
def test_score_is_minus_the_logarithm_of_the_perplexity(planted, preset):
    model = fitted(planted, preset)
    found = perplexity(completion=model.completion, counts=planted[0])
    assert model.score(planted[0]) == pytest.approx(-math.log(found.value), rel=1e-12)


def test_a_mixture_has_one_perplexity_by_either_way(planted):
    model = fitted(planted, "etm")
    own = perplexity(completion=model.completion, counts=planted[0]).value
    mixed = perplexity(model.transform, model.topic_word_, planted[0]).value
    assert own == pytest.approx(mixed, rel=1e-5)


def test_a_product_is_no_mixture_of_its_topics(planted):
    model = fitted(planted, "prodlda")
    own = perplexity(completion=model.completion, counts=planted[0]).value
    mixed = perplexity(model.transform, model.topic_word_, planted[0]).value
    assert abs(own - mixed) > 0.05


def test_presence_of_words_is_scored_as_tokens(planted):
    model = fitted(planted, "gmntm", decoder=("mlp", {"likelihood": "bernoulli", "hidden": (8,)}))
    first, second = split_halves(planted[0][:20])
    with torch.no_grad():
        p = model.network_.decoder.topic_word(torch.from_numpy(theta_of(model, first))).numpy()
    expected = (second.toarray() * np.log(p)).sum(1)
    np.testing.assert_allclose(model.completion(first, second), expected, rtol=1e-4)


def test_halves_of_other_documents(planted):
    model = fitted(planted, "etm")
    with pytest.raises(InputError, match="halves of the same documents, got 20 and 19"):
        model.completion(planted[0][:20], planted[0][:19])


def test_documents_of_one_token_have_no_score(planted):
    model = fitted(planted, "etm")
    with pytest.raises(InputError, match="tokens in both halves"):
        model.score(np.eye(planted[0].shape[1]))
