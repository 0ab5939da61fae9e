"""Collectives and noise of 2 and 4 processes against the same numbers in one."""

import pytest
import torch
from many_collectives import SPLITS, prior, weight, whole

from topicforge import distributed
from topicforge.distributed import Split
from topicforge.errors import InputError

SPLIT_NAMES = ("even", "uneven", "empty")
split_names = pytest.mark.parametrize("split", SPLIT_NAMES)


def stacked(results, name, dim=0):
    return torch.cat([result[name] for result in results], dim)


@split_names
def test_gathered_rows_are_all_rows_in_order_and_send_back_every_process_gradient(processes, split):
    found = processes.of(f"gathered {split}")
    documents, _ = SPLITS[processes.world][split]
    b = sum(documents)
    x, deep = whole(b, 3), whole(b, 2, 2, seed=1)
    single = whole(b, seed=2).float()
    for rank, own in enumerate(documents):
        if own:
            single[sum(documents[:rank])] = -torch.inf
    for result in found:
        assert torch.equal(result["x"], x)
        assert torch.equal(result["single"], single)
        assert torch.equal(result["deep"], deep)
    weights = sum(weight(r, x) for r in range(processes.world))
    torch.testing.assert_close(stacked(found, "x.grad"), 2 * x * weights)
    deep_weights = sum(weight(r, deep) for r in range(processes.world))
    torch.testing.assert_close(stacked(found, "deep.grad"), deep_weights)


@split_names
def test_sums_and_means_and_their_gradients(processes, split):
    found = processes.of(f"summed {split}")
    world, b = processes.world, sum(SPLITS[processes.world][split][0])
    y = sum(whole(3, 2, seed=r) for r in range(world))
    z = whole(b, 4)
    m = z.mean(0)
    gradient = 2 * m * sum(weight(r, m) for r in range(world)) / b
    for result in found:
        torch.testing.assert_close(result["sum"], y)
        torch.testing.assert_close(
            result["x.grad"], 2 * y * sum(weight(r, y) for r in range(world))
        )
        torch.testing.assert_close(result["mean"], m)
        assert torch.equal(result["mean"], found[0]["mean"])
        torch.testing.assert_close(
            result["z.grad"], gradient.expand(result["z.grad"].shape), check_stride=False
        )


@split_names
def test_the_average_of_the_gradients_is_the_whole_batch_gradient(processes, split):
    b = sum(SPLITS[processes.world][split][0])
    a = torch.tensor([0.3, -0.7, 1.1], dtype=torch.float64, requires_grad=True)
    h = torch.tanh(whole(b, 3) * a)
    loss = (h - h.mean(0)).square().sum(1).mean() + (h @ h.T).logsumexp((0, 1)) + a.square().sum()
    loss.backward()
    for result in processes.of(f"average_of_losses {split}"):
        torch.testing.assert_close(result["gradient"], a.grad, rtol=1e-12, atol=1e-12)


@split_names
def test_noise_is_that_of_one_process_with_the_whole_batch(processes, split):
    found = processes.of(f"drawn {split}")
    documents, entries = SPLITS[processes.world][split]
    b, nnz = sum(documents), sum(entries)
    source = torch.Generator().manual_seed(7)
    with distributed.random_from({"cpu": source}):
        expected = {
            "randn": torch.randn(b, 3, dtype=torch.float64, generator=source),
            "rand": torch.rand(b, 2, generator=source),
            "second": torch.randn(2, b, 3, dtype=torch.float64, generator=source),
            "dropout": distributed.dropout(torch.ones(b, 20, dtype=torch.float64), 0.3),
            "words": distributed.dropout(torch.ones(nnz), 0.5, entries=True),
            "prior": prior().rsample(b),
        }
        a = whole(b, 4).exp().requires_grad_()
        expected["gamma"] = torch._standard_gamma(a, generator=source)
        (expected["gamma"].log() * 2).sum().backward()
        expected["gamma.grad"] = a.grad
        expected["gammas"] = torch._standard_gamma(a.detach().expand(2, b, 4), generator=source)
    for name, value in expected.items():
        got = stacked(found, name, 1 if name in ("second", "gammas") else 0)
        assert torch.equal(got, value), name
    after = torch.randn(3, generator=source)
    assert all(torch.equal(result["next"], after) for result in found)


@split_names
def test_processes_agree_on_how_the_batch_is_split(processes, split):
    documents, entries = SPLITS[processes.world][split]
    for rank, result in enumerate(processes.of(f"agreed {split}")):
        assert tuple(result["documents"].tolist()) == documents
        assert tuple(result["entries"].tolist()) == entries
        assert result["rank"] == rank


@split_names
def test_other_than_one_row_per_document_is_refused_before_anything_is_sent(processes, split):
    documents, _ = SPLITS[processes.world][split]
    for own, result in zip(documents, processes.of(f"refused {split}"), strict=True):
        said = {
            name: bytes(value.to(torch.uint8).tolist()).decode() for name, value in result.items()
        }
        for name in ("gather", "mean", "randn", "draws"):
            assert f"must be this process' {own} documents" in said[name]
            assert said[name].startswith("InputError: distributed.")
        assert "got 99" in said["words"]
        assert "entries" in said["words"]


def test_a_process_that_is_gone_ends_the_others_with_our_error(processes):
    said = (processes.folder / "left.txt").read_text(encoding="utf-8")
    assert said.startswith("distributed.batch_sum: the processes of one training must all be alive")


def test_alone_everything_is_torchs_own():
    assert distributed.current() is None
    like = torch.zeros(2)
    a = torch.tensor([[0.1, 3.0]], requires_grad=True)
    torch.manual_seed(3)
    ours = (
        distributed.randn((5, 2), like),
        distributed.rand((5, 2), like),
        distributed.gamma(a),
        distributed.prior_draws(prior().rsample, 3),
    )
    torch.manual_seed(3)
    torchs = (
        torch.randn(5, 2),
        torch.rand(5, 2),
        torch._standard_gamma(a),
        torch.randn(3, 2),
    )
    assert all(torch.equal(x, y) for x, y in zip(ours, torchs, strict=True))
    x = torch.randn(4, 3)
    assert distributed.batch_gather(x) is x
    assert distributed.batch_sum(x) is x
    assert torch.equal(distributed.batch_mean(x), x.mean(0))
    assert torch.equal(distributed.batch_mean(x[:, 0]), x[:, 0].mean())


def test_a_fits_generator_serves_its_own_thread_and_leaves_the_global_one_alone():
    before, like = torch.get_rng_state(), torch.zeros(2)
    with distributed.random_from({"cpu": torch.Generator().manual_seed(3)}):
        first = distributed.randn((5, 2), like)
    assert torch.equal(first, torch.randn(5, 2, generator=torch.Generator().manual_seed(3)))
    assert torch.equal(torch.get_rng_state(), before)
    assert distributed.generator(like.device) is None


def test_a_split_holds_within_its_block():
    outer, inner = Split(0, (4, 1), (9, 2)), Split(1, (4, 1), (9, 2))
    with distributed.splitting(outer):
        with distributed.splitting(None):
            assert distributed.current() is None
        with distributed.splitting(inner):
            assert distributed.current() is inner
        assert distributed.current() is outer
    assert distributed.current() is None


@pytest.mark.parametrize(
    ("rank", "documents", "entries", "said"),
    [
        (2, (1, 1), (1, 1), "rank must be one of the 2 processes'"),
        (-1, (1, 1), (1, 1), "rank must be one of the 2 processes'"),
        (0, (1, 1), (1,), "one number per process, got 2 and 1"),
        (0, (1, -1), (1, 1), "must be 0 or more"),
        (0, (), (), "rank must be one of the 0"),
    ],
)
def test_an_impossible_split_is_refused(rank, documents, entries, said):
    with pytest.raises(InputError, match=said):
        Split(rank, documents, entries)
