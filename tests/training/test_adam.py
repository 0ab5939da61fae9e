"""Adam by rows: torch's own end, though absent words take their steps later."""

import copy
import pickle

import numpy as np
import pytest
import torch

from topicforge import TopicModel, load
from topicforge.contracts import Batch, Callback
from topicforge.contracts.word_layer import WordLayer
from topicforge.training import adam as module
from topicforge.training.adam import RowAdam
from topicforge.training.optimisation import Optimisation


def draws(n_rows, steps):
    source = torch.Generator().manual_seed(3)
    for _ in range(steps):
        yield torch.randperm(n_rows, generator=source)[:4].sort().values


def batch_of(row, n_rows):
    crow = torch.arange(len(row) + 1)
    return Batch(crow, row, torch.ones(len(row), dtype=torch.float64), n_rows)


def train(layer, optimiser, steps, batches=1):
    """Each step reads four of the first thirty rows, in as many batches; the rate changes."""
    layer.train()
    rows = list(draws(30, steps * batches))
    zero = torch.zeros(layer.weight.shape[1], dtype=torch.float64)
    for number in range(steps):
        for row in rows[number * batches : (number + 1) * batches]:
            y = layer(batch_of(row, 40), torch.ones(len(row), dtype=torch.float64), zero)
            (y * torch.sin(torch.arange(y.numel()).view(y.shape) + number)).sum().backward()
        optimiser.param_groups[0]["lr"] = 0.1 / (1 + number)
        optimiser.step()
        optimiser.zero_grad()


def pair(**options):
    start = torch.linspace(-1, 1, 40 * 5, dtype=torch.float64).view(40, 5)
    late, dense = WordLayer(start.clone()), WordLayer(start.clone())
    by_rows = RowAdam([late.weight], [late], lr=0.1, **options)
    by_rows.begin()
    return late, by_rows, dense, torch.optim.Adam([dense.weight], lr=0.1, **options)


@pytest.mark.parametrize("window", [1, 7, 1024])
@pytest.mark.parametrize("batches", [1, 3])
@pytest.mark.parametrize(
    "options",
    [{}, {"betas": (0.99, 0.999)}, {"betas": (0.0, 0.5)}, {"weight_decay": 0.1}],
    ids=str,
)
def test_every_row_ends_where_adam_takes_it(monkeypatch, window, batches, options):
    monkeypatch.setattr(module, "_WINDOW", window)
    late, by_rows, dense, adam = pair(**options)
    train(late, by_rows, 60, batches)
    train(dense, adam, 60, batches)
    behind = by_rows.state[late.weight]["since"] < 60
    assert behind.any()
    by_rows.release()
    # sixty steps of a few roundings each
    torch.testing.assert_close(late.weight, dense.weight, rtol=1e-11, atol=1e-11)
    for name in ("exp_avg", "exp_avg_sq"):
        ours, theirs = by_rows.state[late.weight][name], adam.state[dense.weight][name]
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-11)


def test_its_state_survives_a_round_trip_bit_for_bit():
    ends = []
    for broken_off in (False, True):
        layer, optimiser, _, _ = pair()
        train(layer, optimiser, 11)
        if broken_off:
            kept, weight = optimiser.state_dict(), layer.weight.detach().clone()
            layer, optimiser, _, _ = pair()
            with torch.no_grad():
                layer.weight.copy_(weight)
            optimiser.load_state_dict(kept)
        train(layer, optimiser, 9)
        optimiser.release()
        ends.append(layer.weight.detach())
    assert torch.equal(*ends)


def counts():
    """40 documents of 20 words over 300, which batches of 2 documents hold 40 of."""
    x = np.zeros((40, 300), dtype=np.int64)
    x[np.arange(40)[:, None], np.arange(40)[:, None] * 7 % 280 + np.arange(20)] = 1
    return x


def fitted(**options):
    parts = {"encoder": "mlp", "prior": "gaussian", "divergence": "kl", "decoder": "mixture"}
    if options.get("encoder") != "spectral":
        parts["encoder__hidden"] = (16,)
    given = {"batch_size": 2, "epochs": 2, "seed": 1, **parts, **options}
    return TopicModel(n_topics=3, **given).fit(counts())


@pytest.mark.parametrize(
    "more",
    [
        *({"encoder": name} for name in ("mlp", "mlp-point", "mlp-dirichlet")),
        {"training__accumulate": 2},
        {"regularisers": [("alternate", {"epochs": 1})], "epochs": 4},
        {"training__pretrain_epochs": 1},
        {"training__learning_rate_schedule": "cosine"},
        {"training__validation_fraction": 0.2, "training__patience": 1},
        {"optimiser__weight_decay": 0.01},
    ],
    ids=str,
)
def test_a_model_is_that_of_the_dense_form(more, monkeypatch):
    if more.get("encoder", "mlp") != "mlp":
        more = {**more, "prior": "dirichlet", "divergence": "mmd"}
    late = fitted(**more)
    monkeypatch.setattr(Optimisation, "_why_dense", lambda *_: "compared")
    dense = fitted(**more)
    assert late.optimiser_form_.startswith("by rows")
    assert dense.optimiser_form_ == "dense: compared"
    # float32 steps of a normalised gradient, whose roundings differ
    np.testing.assert_allclose(
        late.transform(counts()), dense.transform(counts()), rtol=0, atol=2e-3
    )
    for one, other in zip(late.history_, dense.history_, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-4)


@pytest.mark.parametrize(
    ("more", "form"),
    [
        ({}, "by rows: "),
        ({"batch_size": 40}, "dense: a batch of some 800 words can have most of the 300"),
        ({"optimiser__gradient_clip": 1.0}, "dense: the gradient is clipped"),
        ({"encoder": "spectral"}, "dense: the encoder has no layer with a row per word"),
        ({"regularisers": ["topic-decorrelation"]}, "dense: a regulariser has a penalty"),
    ],
    ids=str,
)
def test_the_form_is_chosen_and_said(more, form, tmp_path):
    model = fitted(**more)
    assert model.optimiser_form_.startswith(form)
    model.save(tmp_path / "model")
    opened = load(tmp_path / "model")
    assert opened.optimiser_form_ == model.optimiser_form_
    assert opened.explanation()["optimiser"]["form"] == model.optimiser_form_
    assert form.split(":")[0] in opened.explain()
    assert "by rows where" in TopicModel().explain()


def test_words_that_a_batch_lacks_are_put_off_and_settled(monkeypatch):
    """Else the comparisons above would say nothing."""
    behind = []
    settle = RowAdam.settle

    def spied(self):
        for state in self.state.values():
            if "since" in state:
                behind.append(int(state["step"]) - int(state["since"].min()))
        settle(self)

    monkeypatch.setattr(RowAdam, "settle", spied)
    model = fitted()
    assert max(behind) > 5
    assert model.network_.encoder.trunk.words.rows is None


def test_a_fit_that_is_interrupted_leaves_every_word_at_its_last_step():
    class Stop(Callback):
        def on_step_end(self, step, terms):
            del terms
            if step == 5 and trained:
                raise KeyboardInterrupt
            trained.append(step)

    trained = []
    model = TopicModel("nvdm-gsm", n_topics=3, epochs=3, batch_size=2, callbacks=[Stop()])
    with pytest.raises(KeyboardInterrupt):
        model.fit(counts()).fit(counts())


def test_a_fitted_model_can_be_copied_and_pickled():
    model = fitted()
    theta = model.transform(counts())
    with pytest.warns(UserWarning, match="pickle runs code"):
        others = copy.deepcopy(model), pickle.loads(pickle.dumps(model))
    for other in others:
        np.testing.assert_array_equal(other.transform(counts()), theta)
        other.partial_fit(counts())
