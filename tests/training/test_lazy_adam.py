"""LazyAdam against torch's Adam and SparseAdam, its state, and clipping."""

import copy

import pytest
import torch

from topicforge.errors import OptionError
from topicforge.ops import sparse_linear
from topicforge.training.lazy_adam import LazyAdam, clip_gradients

V, H = 40, 6


def layer(dtype=torch.float64, seed=0):
    source = torch.Generator().manual_seed(seed)
    weight = torch.randn(V, H, generator=source, dtype=dtype)
    return torch.nn.Parameter(weight), torch.nn.Parameter(torch.zeros(H, dtype=dtype))


def documents(step, words=8, vocab_size=V):
    """Three documents over few of the words, other ones in each step."""
    source = torch.Generator().manual_seed(step)
    col = torch.randint(vocab_size, (3 * words,), generator=source)
    value = torch.rand(3 * words, generator=source, dtype=torch.float64)
    return torch.arange(4) * words, col, value


def backward(weight, bias, step, *, sparse):
    counts = documents(step)
    out = sparse_linear(*counts, weight, bias, sparse_grad=sparse)
    (out * torch.cos(torch.arange(out.numel(), dtype=out.dtype)).view_as(out)).sum().backward()
    return counts[1].unique()


def test_dense_gradients_take_torchs_fused_adam_bit_for_bit():
    options = {"lr": 0.01, "betas": (0.9, 0.99), "eps": 1e-7, "weight_decay": 0.01}
    ours, theirs = layer(torch.float32), layer(torch.float32)
    lazy, adam = (
        LazyAdam(ours, fused=True, **options),
        torch.optim.Adam(theirs, fused=True, **options),
    )
    for step in range(6):
        for pair, optimiser in ((ours, lazy), (theirs, adam)):
            optimiser.zero_grad(set_to_none=True)
            source = torch.Generator().manual_seed(step)
            pair[0].grad = torch.randn(V, H, generator=source)
            if step % 2:  # the second parameter sits out every other step
                pair[1].grad = torch.randn(H, generator=source)
            optimiser.param_groups[0]["lr"] = 0.01 / (1 + step)
            optimiser.step()
    for a, b in zip(ours, theirs, strict=True):
        assert torch.equal(a, b)
        for name in ("step", "exp_avg", "exp_avg_sq"):
            assert torch.equal(lazy.state[a][name], adam.state[b][name])


def test_rows_follow_torchs_sparse_adam():
    """Its epsilon is added before v is corrected, so it gets eps sqrt(1 - b2^t)."""
    beta2, eps = 0.99, 1e-3
    ours, theirs = layer(), layer()
    lazy = LazyAdam(ours[:1], 0.05, (0.9, beta2), eps)
    sparse = torch.optim.SparseAdam(theirs[:1], 0.05, (0.9, beta2), eps)
    for step in range(1, 31):
        for weight, bias, optimiser in ((*ours, lazy), (*theirs, sparse)):
            optimiser.zero_grad(set_to_none=True)
            backward(weight, bias, step, sparse=True)
        sparse.param_groups[0]["eps"] = eps * (1 - beta2**step) ** 0.5
        lazy.step()
        sparse.step()
    # thirty steps of a dozen roundings each
    torch.testing.assert_close(ours[0], theirs[0], rtol=1e-12, atol=1e-13)
    for name in ("exp_avg", "exp_avg_sq"):
        torch.testing.assert_close(
            lazy.state[ours[0]][name], sparse.state[theirs[0]][name], rtol=1e-12, atol=1e-14
        )


def test_rows_that_are_absent_stand_still_with_their_state():
    weight, bias = layer()
    lazy = LazyAdam([weight], 0.1)
    backward(weight, bias, 1, sparse=True)
    lazy.step()
    before = [
        x.clone() for x in (weight, *(lazy.state[weight][n] for n in ("exp_avg", "exp_avg_sq")))
    ]
    weight.grad = None
    seen = backward(weight, bias, 2, sparse=True)
    lazy.step()
    absent = torch.ones(V, dtype=torch.bool)
    absent[seen] = False
    after = [weight, *(lazy.state[weight][n] for n in ("exp_avg", "exp_avg_sq"))]
    for x, y in zip(before, after, strict=True):
        assert torch.equal(x[absent], y[absent])
        assert not (x[seen] == y[seen]).all(1).any()
    assert float(lazy.state[weight]["step"]) == 2


def test_weight_decay_falls_on_the_rows_present_as_adams_does():
    weight, bias = layer()
    start = weight.detach().clone()
    seen = backward(weight, bias, 1, sparse=True)
    dense = torch.nn.Parameter(start.clone())
    dense.grad = weight.grad.to_dense()
    LazyAdam([weight], 0.1, weight_decay=0.5).step()
    torch.optim.Adam([dense], 0.1, weight_decay=0.5).step()
    torch.testing.assert_close(weight[seen], dense[seen], rtol=1e-14, atol=1e-14)
    absent = torch.ones(V, dtype=torch.bool)
    absent[seen] = False
    assert torch.equal(weight[absent], start[absent])


def test_a_gradient_that_came_in_two_parts_is_one_gradient():
    """Two sparse gradients added are not coalesced: a row may stand there twice."""
    results = []
    for parts in (1, 2):
        weight, bias = layer()
        for _ in range(parts):
            backward(weight, bias, 1, sparse=True)
        if parts == 1:
            weight.grad = weight.grad * 2
        LazyAdam([weight], 0.1, eps=1.0).step()
        results.append(weight.detach())
    torch.testing.assert_close(*results, rtol=1e-14, atol=1e-14)


def test_every_row_in_every_step_is_adam():
    """And the size of the difference where rows are absent, which the docstring gives."""
    for words, vocab_size in ((1, 1), (10, 200)):
        torch.manual_seed(0)
        start = torch.randn(vocab_size, H, dtype=torch.float64)
        target = torch.randn(vocab_size, H, dtype=torch.float64)
        share = 1 / torch.arange(1.0, vocab_size + 1, dtype=torch.float64)
        ends = []
        for sparse in (True, False):
            weight = torch.nn.Parameter(start.clone())
            bias = torch.zeros(H, dtype=torch.float64)
            optimiser = LazyAdam([weight], 0.01) if sparse else torch.optim.Adam([weight], 0.01)
            source = torch.Generator().manual_seed(1)
            for _ in range(500):
                col = torch.multinomial(share, words, generator=source)
                crow, value = torch.tensor([0, words]), torch.ones(words, dtype=torch.float64)
                optimiser.zero_grad(set_to_none=True)
                out = sparse_linear(crow, col, value, weight, bias, sparse_grad=sparse)
                (out - target[col].sum(0)).square().sum().backward()
                optimiser.step()
            ends.append(weight.detach())
        moved = float((ends[1] - start).norm())
        apart = float((ends[0] - ends[1]).norm()) / moved
        if vocab_size == 1:
            assert apart < 1e-13  # 500 steps of a dozen roundings
        else:
            assert 0.40 < apart < 0.48  # 0.44, as the docstring says


def test_state_goes_through_state_dict_bit_for_bit():
    def run(steps, cut=None):
        weight, bias = layer()
        made = LazyAdam([weight, bias], 0.05, weight_decay=0.01)
        for step in range(steps):
            if step == cut:
                state = copy.deepcopy(made.state_dict())
                entries = state["state"].values()
                assert all(torch.is_tensor(x) for entry in entries for x in entry.values())
                made = LazyAdam([weight, bias], 1.0)
                made.load_state_dict(state)
            made.zero_grad(set_to_none=True)
            backward(weight, bias, step, sparse=True)
            made.step()
        return weight.detach(), bias.detach()

    for a, b in zip(run(8), run(8, cut=4), strict=True):
        assert torch.equal(a, b)


def test_the_closure_is_called_with_gradients_on():
    weight, bias = layer()
    lazy = LazyAdam([weight, bias], 0.05)

    def closure():
        lazy.zero_grad(set_to_none=True)
        backward(weight, bias, 0, sparse=True)
        return 7.0

    before = weight.detach().clone()
    assert lazy.step(closure) == 7.0
    assert not torch.equal(weight, before)


@pytest.mark.parametrize("largest", [0.1, 1e6])
def test_clipping_is_torchs_where_gradients_are_dense(largest):
    kept = []
    for sparse in (True, False):
        weight, bias = layer()
        backward(weight, bias, 3, sparse=sparse)
        if sparse:
            clip_gradients([weight, bias], largest)
            weight.grad = weight.grad.to_dense()
        else:
            torch.nn.utils.clip_grad_norm_([weight, bias], largest)
        kept.append((weight.grad, bias.grad))
    for a, b in zip(*kept, strict=True):
        # the norm is a sum of 240 squares, in another order
        torch.testing.assert_close(a, b, rtol=1e-13, atol=0)
    if largest < 1:
        norm = torch.cat([g.flatten() for g in kept[0]]).norm()
        assert float(norm) == pytest.approx(largest, rel=1e-5)  # 1e-6 is added to the norm


def test_clipping_dense_gradients_is_torchs_bit_for_bit():
    for largest in (0.5, 1e6):
        ours, theirs = layer(torch.float32), layer(torch.float32)
        for pair in (ours, theirs):
            for p in pair:
                p.grad = torch.sin(torch.arange(p.numel(), dtype=p.dtype)).view_as(p)
        clip_gradients(ours, largest)
        torch.nn.utils.clip_grad_norm_(theirs, largest)
        for a, b in zip(ours, theirs, strict=True):
            assert torch.equal(a.grad, b.grad)


def test_refusals():
    weight, _ = layer()
    for change, message in (
        ({"lr": -1.0}, "lr must be at least 0"),
        ({"betas": (0.9, 1.0)}, "betas must be two numbers"),
        ({"eps": 0.0}, "eps must be positive"),
        ({"weight_decay": -0.1}, "weight_decay must be at least 0"),
    ):
        with pytest.raises(OptionError, match=message):
            LazyAdam([weight], **change)
    weight.grad = torch.eye(V, H, dtype=torch.float64).to_sparse()  # two sparse dimensions
    with pytest.raises(OptionError, match="must hold rows of a matrix"):
        LazyAdam([weight]).step()
