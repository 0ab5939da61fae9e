"""optimiser="deferred-adam": Adam's own end, though absent words take their steps later."""

import numpy as np
import pytest
import torch

from topicforge import TopicModel
from topicforge.contracts import Callback
from topicforge.errors import OptionError
from topicforge.training import deferred_adam
from topicforge.training.deferred_adam import DeferredAdam


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
        {"accumulate": 2},
        {"gradient_clip": 0.05},
        {"dynamics": [("alternate", {"epochs": 1})], "epochs": 4},
        {"pretrain_epochs": 1},
        {"lr_schedule": "cosine"},
        {"validation_fraction": 0.2, "patience": 1},
        {"decoder": "embedding", "decoder__lazy_words": True},
    ],
    ids=str,
)
def test_a_model_is_adams(planted, more):
    adam, late = (fitted(planted, name, **more) for name in ("adam", "deferred-adam"))
    assert isinstance(late._trainer._engine.optimiser, DeferredAdam)
    since = [s["since"] for s in late._trainer._engine.optimiser.state.values() if "since" in s]
    assert len(since) == 1
    # 75 steps of float32, whose roundings differ, of a normalised gradient
    np.testing.assert_allclose(
        late.transform(planted[0]), adam.transform(planted[0]), rtol=0, atol=2e-4
    )
    for one, other in zip(late.history_, adam.history_, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-4)


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
