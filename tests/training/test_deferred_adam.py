"""optimiser="deferred-adam": Adam's own end, though absent words take their steps later."""

import numpy as np
import pytest
import torch

from topicforge import TopicModel
from topicforge.contracts import Callback
from topicforge.errors import OptionError
from topicforge.training import deferred_adam
from topicforge.training.deferred_adam import DeferredAdam
from topicforge.training.engine import Engine


def rows_gradient(weight, row, seed):
    source = torch.Generator().manual_seed(seed)
    rows = torch.randn(len(row), weight.shape[1], generator=source, dtype=weight.dtype)
    return torch.sparse_coo_tensor(row[None], rows, weight.shape, check_invariants=False)


def draws(n_rows, steps):
    source = torch.Generator().manual_seed(3)
    for _ in range(steps):
        yield torch.randperm(n_rows, generator=source)[:4].sort().values


@pytest.mark.parametrize("window", [1, 7, 4096])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.99, 0.999), (0.0, 0.5)])
def test_every_row_ends_where_adam_takes_it(monkeypatch, window, betas):
    """Sixty steps over forty rows, four a step, at a rate that changes; some rows never come."""
    monkeypatch.setattr(deferred_adam, "_WINDOW", window)
    start = torch.linspace(-1, 1, 40 * 5, dtype=torch.float64).view(40, 5)
    deferred, dense = (torch.nn.Parameter(start.clone()) for _ in range(2))
    late = DeferredAdam([deferred], 0.1, betas)
    adam = torch.optim.Adam([dense], 0.1, betas)
    for step, row in enumerate(draws(30, 60)):
        late.catch_up(row)
        torch.testing.assert_close(deferred[row], dense[row], rtol=1e-12, atol=1e-12)
        deferred.grad = rows_gradient(deferred, row, step)
        dense.grad = deferred.grad.to_dense()
        for optimiser in (late, adam):
            optimiser.param_groups[0]["lr"] = 0.1 / (1 + step)
            optimiser.step()
    late.catch_up()
    # sixty steps of a few roundings each
    torch.testing.assert_close(deferred, dense, rtol=1e-12, atol=1e-12)
    for name in ("exp_avg", "exp_avg_sq"):
        kept = late.state[deferred][name]
        torch.testing.assert_close(kept, adam.state[dense][name], rtol=1e-12, atol=1e-12)
    assert torch.equal(deferred[30:], start[30:])


def test_without_waiting_every_row_is_where_adam_has_it_after_each_step():
    start = torch.linspace(-1, 1, 40 * 5, dtype=torch.float64).view(40, 5)
    rows, dense = (torch.nn.Parameter(start.clone()) for _ in range(2))
    at_once, adam = DeferredAdam([rows], 0.1, waits=False), torch.optim.Adam([dense], 0.1)
    for step, row in enumerate(draws(30, 20)):
        rows.grad = rows_gradient(rows, row, step)
        dense.grad = rows.grad.to_dense()
        for optimiser in (at_once, adam):
            optimiser.param_groups[0]["lr"] = 0.1 / (1 + step)
            optimiser.step()
        torch.testing.assert_close(rows, dense, rtol=1e-12, atol=1e-12)


def test_its_state_survives_a_round_trip_bit_for_bit():
    ends = []
    for broken_off in (False, True):
        weight = torch.nn.Parameter(torch.ones(40, 5))
        optimiser = DeferredAdam([weight], 0.1)
        for step, row in enumerate(draws(40, 20)):
            if broken_off and step == 11:
                kept = optimiser.state_dict()
                weight = torch.nn.Parameter(weight.detach().clone())
                optimiser = DeferredAdam([weight], 0.1)
                optimiser.load_state_dict(kept)
            optimiser.catch_up(row)
            weight.grad = rows_gradient(weight, row, step)
            optimiser.step()
        optimiser.catch_up()
        ends.append(weight.detach())
    assert torch.equal(*ends)


def test_what_it_refuses():
    weight = torch.nn.Parameter(torch.ones(6, 2))
    with pytest.raises(OptionError, match=r"weight_decay must be 0.*use optimiser='adam'"):
        DeferredAdam([weight], 0.1, weight_decay=0.1)
    optimiser = DeferredAdam([weight], 0.1)
    weight.grad = rows_gradient(weight, torch.tensor([0, 1]), 0)
    optimiser.step()
    weight.grad = torch.ones(6, 2)
    with pytest.raises(OptionError, match=r"one of shape \(6, 2\) has a dense one"):
        optimiser.step()


def fitted(planted, optimiser, **options):
    parts = {"prior": "dirichlet", "divergence": "mmd", "decoder": "mixture"}
    made = TopicModel(
        n_topics=3, optimiser=optimiser, batch_size=4, **{"epochs": 1, **parts, **options}
    )
    return made.fit(planted[0])


@pytest.mark.parametrize(
    "more",
    [
        *({"encoder": name} for name in ("mlp", "mlp-point", "mlp-dirichlet", "spectral")),
        {"training__accumulate": 2},
        {"optimiser__gradient_clip": 0.05},
        {"regularisers": [("alternate", {"epochs": 1})], "epochs": 4},
        {"training__pretrain_epochs": 1},
        {"training__learning_rate_schedule": "cosine"},
        {"training": {"validation_fraction": 0.2, "patience": 1}},
        {"decoder": "embedding"},
    ],
    ids=str,
)
def test_a_model_is_adams(planted, more, monkeypatch):
    late, rows = (fitted(planted, name, **more) for name in ("deferred-adam", "adam"))
    monkeypatch.setattr(Engine, "_rows_pay", lambda _: False)
    adam = fitted(planted, "adam", **more)
    assert isinstance(late._trainer._engine.optimiser, DeferredAdam)
    assert isinstance(adam._trainer._engine.optimiser, torch.optim.Adam)
    since = [s["since"] for s in late._trainer._engine.optimiser.state.values() if "since" in s]
    assert len(since) == 1
    # 75 steps of float32, whose roundings differ, of a normalised gradient
    for ours in (late, rows):
        np.testing.assert_allclose(
            ours.transform(planted[0]), adam.transform(planted[0]), rtol=0, atol=2e-4
        )
        for one, other in zip(ours.history_, adam.history_, strict=True):
            assert one.loss == pytest.approx(other.loss, rel=1e-4)


@pytest.mark.parametrize(
    ("more", "by_rows"),
    [
        ({"batch_size": 2}, True),
        ({"batch_size": 400}, False),
        ({"optimiser__weight_decay": 0.1}, False),
    ],
    ids=str,
)
def test_adam_keeps_a_gradient_by_rows_where_a_batch_cannot_have_most_words(more, by_rows):
    # 300 words, 20 of them a document
    counts = np.zeros((40, 300), dtype=np.int64)
    counts[np.arange(40)[:, None], np.arange(40)[:, None] * 7 + np.arange(20)] = 1
    more = {"batch_size": 2, **more}
    model = TopicModel(n_topics=3, epochs=1, **more).fit(counts)
    optimiser = model._trainer._engine.optimiser
    assert isinstance(optimiser, DeferredAdam) == by_rows
    if by_rows:
        assert not optimiser.waits
        since = [s["since"] for s in optimiser.state.values() if "since" in s]
        assert [int(s.min()) for s in since] == [20]


def since_after_each_step(monkeypatch):
    """Fills while a model trains."""
    seen, step = [], DeferredAdam.step

    def spied(self, closure=None):
        step(self, closure)
        seen.extend(state["since"] for state in self.state.values() if "since" in state)

    monkeypatch.setattr(DeferredAdam, "step", spied)
    return seen


def test_words_that_a_batch_lacks_are_put_off(planted, monkeypatch):
    """Else the comparison above would say nothing."""
    seen = since_after_each_step(monkeypatch)
    behind = []

    class Spy(Callback):
        def on_step_end(self, *_):
            behind.append(int(seen[-1].max() - seen[-1].min()))

    fitted(planted, "deferred-adam", callbacks=[Spy()])
    assert max(behind) > 1


def test_a_fit_that_is_interrupted_leaves_every_word_at_its_last_step(planted, monkeypatch):
    seen = since_after_each_step(monkeypatch)

    class Stop(Callback):
        def on_step_end(self, step, _):
            if step == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(planted, "deferred-adam", callbacks=[Stop()])
    assert set(seen[-1].tolist()) == {6}
