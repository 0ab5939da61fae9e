"""TopicModel(optimiser="lazy-adam"): which parameters, which steps, what stays the same."""

import numpy as np
import pytest
import torch

from topicforge import TopicModel
from topicforge.errors import OptionError
from topicforge.parts.encoders import MlpEncoder
from topicforge.parts.encoders.trunk import Trunk
from topicforge.training.lazy_adam import LazyAdam

WITH_ROWS = ["mlp", "mlp-point", "mlp-dirichlet", "spectral"]


def model(optimiser, encoder="mlp", **options):
    parts = {"encoder": encoder, "prior": "dirichlet", "divergence": "mmd", "decoder": "mixture"}
    return TopicModel(n_topics=3, optimiser=optimiser, **{"epochs": 2, **parts, **options})


def words_of(network):
    """The parameter of the encoder's first layer."""
    first = network.encoder if hasattr(network.encoder, "word") else network.encoder.trunk
    return first.word if hasattr(first, "word") else first.weight


@pytest.mark.parametrize("encoder", WITH_ROWS)
def test_the_built_in_encoders_hand_over_rows(planted, batch_of, encoder):
    counts = planted[0]
    fitted = model("lazy-adam", encoder, epochs=1).fit(counts)
    assert isinstance(fitted._trainer._engine.optimiser, LazyAdam)
    network = fitted.network_
    batch = batch_of(counts[:1].toarray(), counts.shape[1])
    for training in (True, False):
        network.train(training)
        network.zero_grad()
        network(batch).reconstruction.sum().backward()
        grad = words_of(network).grad
        assert grad.is_sparse == training  # dense again for who traces or tunes what was trained
        others = [p.grad for p in network.parameters() if p is not words_of(network)]
        assert not any(g.is_sparse for g in others if g is not None)


@pytest.mark.parametrize("encoder", WITH_ROWS)
@pytest.mark.parametrize("more", [{}, {"optimiser__gradient_clip": 0.05}])
def test_it_is_adam_where_every_word_is_in_every_batch(planted, encoder, more):
    counts = planted[0]
    dense = counts.toarray() + np.float32(0.01)  # no word is ever absent
    found = [
        model(name, encoder, learning_rate=1e-3, **more).fit(dense).transform(dense)
        for name in ("adam", "lazy-adam")
    ]
    # four steps of float32 whose roundings differ, of a normalised gradient
    np.testing.assert_allclose(*found, rtol=0, atol=2e-4)


def test_a_word_that_never_comes_decays_with_adam_alone(planted):
    counts = planted[0].tolil()
    counts[:, 4] = 0
    ends = {}
    for name in ("adam", "lazy-adam"):
        made = model(name, optimiser__weight_decay=0.1, epochs=5).fit(counts.tocsr())
        ends[name] = words_of(made.network_).detach()
    lengths = {name: float(weight[4].norm()) for name, weight in ends.items()}
    assert lengths["adam"] < 0.9 * lengths["lazy-adam"]


@pytest.mark.parametrize(
    "more",
    [
        {"regularisers": [("alternate", {"epochs": 1})]},
        {"training__pretrain_epochs": 1},
        {"training__learning_rate_schedule": "cosine"},
    ],
)
def test_the_loops_other_options_go_with_it(planted, more):
    history = model("lazy-adam", epochs=20, learning_rate=1e-2, **more).fit(planted[0]).history_
    trained = [report for report in history if report.phase == "train"]
    assert trained[-1].loss < trained[0].loss


def test_a_second_fit_goes_on_with_rows(planted):
    made = model("lazy-adam").partial_fit(planted[0])
    before = words_of(made.network_).detach().clone()
    made.partial_fit(planted[0])
    assert not torch.equal(words_of(made.network_), before)


class DenseTrunk(Trunk):
    """A first layer that says nothing of rows."""

    def __getattribute__(self, name):
        if name == "row_sparse":
            raise AttributeError(name)
        return super().__getattribute__(name)

    def forward(self, batch):
        dense = torch.zeros(batch.n_documents, batch.vocab_size)
        dense[batch.row, batch.col] = batch.count
        return self.dropout(self.rest(self.activation(dense @ self.weight + self.bias)))


class DenseEncoder(MlpEncoder):
    """As a third party would write it, without a sparse layer."""

    def __init__(self, context, *, width: int = 4):
        super().__init__(context, hidden=(width,))
        self.trunk = DenseTrunk("x", context.vocab_size, (width,), "relu", 0.0, "counts")


def test_an_encoder_without_rows_is_adam_bit_for_bit_and_is_told_so(planted):
    plain = model("adam", DenseEncoder).fit(planted[0])
    with pytest.warns(
        UserWarning, match=r"'lazy-adam' is plain Adam here.*DenseEncoder and MixtureDecoder are"
    ):
        lazy = model("lazy-adam", DenseEncoder).fit(planted[0])
    assert np.array_equal(plain.transform(planted[0]), lazy.transform(planted[0]))


def test_adam_is_the_default_and_other_names_are_refused(planted):
    assert type(model(None).fit(planted[0])._trainer._engine.optimiser) is torch.optim.Adam
    with pytest.raises(OptionError, match=r"optimiser must be one of .*Did you mean 'lazy-adam'"):
        model("lazyadam").fit(planted[0])
    with pytest.raises(OptionError, match="optimiser must be one of"):
        model(3).fit(planted[0])
