"""Collectives and noise of 2 and 4 processes against the same numbers in one."""

import pytest
import torch
from many_collectives import SPLITS, drawn_in_blocks, weight, whole, words_of_all

from topicforge import distributed
from topicforge.distributed import Share
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
def test_totals_and_means_and_their_gradients(processes, split):
    found = processes.of(f"summed {split}")
    world, b = processes.world, sum(SPLITS[processes.world][split][0])
    y = sum(whole(3, 2, seed=r) for r in range(world))
    z = whole(b, 4)
    m = z.mean(0)
    gradient = 2 * m * sum(weight(r, m) for r in range(world)) / b
    for result in found:
        torch.testing.assert_close(result["total"], y)
        torch.testing.assert_close(
            result["x.grad"], 2 * y * sum(weight(r, y) for r in range(world))
        )
        torch.testing.assert_close(result["mean"], m)
        assert torch.equal(result["mean"], found[0]["mean"])
        torch.testing.assert_close(
            result["z.grad"], gradient.expand(result["z.grad"].shape), check_stride=False
        )
        torch.testing.assert_close(result["means"], torch.cat([m, m[1:2]]))
        second = torch.tensor([0, world / b, 0, 0], dtype=torch.float64)
        torch.testing.assert_close(result["means.grad"], result["z.grad"] + second)


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
def test_a_shared_word_layer_has_the_whole_batch_gradient_averaged(processes, split):
    share = Share(0, *SPLITS[processes.world][split])
    crow, col, value, goal = words_of_all(share)
    dense = torch.zeros(share.n_documents, 5, dtype=torch.float64)
    dense.index_put_(
        (torch.arange(share.n_documents).repeat_interleave(crow.diff()), col),
        value,
        accumulate=True,
    )
    expected = dense.T @ goal / processes.world
    first = 0
    for rank, result in enumerate(processes.of(f"word_layers {split}")):
        rows = slice(first, first + share.documents[rank])
        first = rows.stop
        for name in ("strided", "rows"):
            torch.testing.assert_close(result[name], expected, rtol=1e-12, atol=1e-12)
            y = dense[rows] @ whole(5, 3, seed=7) + whole(3, seed=8)
            torch.testing.assert_close(result[f"{name} y"], y, rtol=1e-12, atol=1e-12)
            torch.testing.assert_close(result[f"{name} bias"], goal[rows].sum(0))


@split_names
def test_noise_is_that_of_one_process_with_the_whole_batch(processes, split):
    found = processes.of(f"drawn {split}")
    documents, entries = SPLITS[processes.world][split]
    b, nnz = sum(documents), sum(entries)
    torch.manual_seed(7)
    expected = {
        "randn": torch.randn(b, 3, dtype=torch.float64),
        "rand": torch.rand(b, 2),
        "entries": torch.randn(nnz, dtype=torch.float64),
        "second": torch.randn(2, b, 3, dtype=torch.float64),
        "dropout": distributed.batch_dropout(torch.ones(b, 20, dtype=torch.float64), 0.3),
        "words": distributed.batch_dropout(torch.ones(nnz), 0.5, entries=True),
        "draws": torch.randn(b, 2),
    }
    a = whole(b, 4).exp().requires_grad_()
    expected["gamma"] = torch._standard_gamma(a)
    (expected["gamma"].log() * 2).sum().backward()
    expected["gamma.grad"] = a.grad
    expected["gammas"] = torch._standard_gamma(a.detach().expand(2, b, 4))
    for name, value in expected.items():
        got = stacked(found, name, 1 if name in ("second", "gammas") else 0)
        assert torch.equal(got, value), name
    after = torch.randn(3)
    assert all(torch.equal(result["next"], after) for result in found)


@split_names
def test_blocks_of_noise_are_those_of_one_process(processes, split):
    found = processes.of(f"drawn_in_blocks {split}")
    documents, entries = SPLITS[processes.world][split]
    one = drawn_in_blocks(Share(0, (sum(documents),), (sum(entries),)))
    for name in ("randn", "rand", "entries", "second", "dropout"):
        got = stacked(found, name, 1 if name == "second" else 0)
        assert torch.equal(got, one[name]), name
    assert all(torch.equal(result["next"], one["next"]) for result in found)
    values = one["randn"].flatten()
    assert len(values.unique()) == len(values)


@split_names
def test_processes_agree_on_who_has_how_much(processes, split):
    documents, entries = SPLITS[processes.world][split]
    for rank, result in enumerate(processes.of(f"agreed {split}")):
        assert tuple(result["documents"].tolist()) == documents
        assert tuple(result["entries"].tolist()) == entries
        assert result["rank"] == rank
        assert result["first"]
        assert not result["none"]


@split_names
def test_what_is_not_a_row_a_document_is_refused_before_anything_is_sent(processes, split):
    documents, _ = SPLITS[processes.world][split]
    for own, result in zip(documents, processes.of(f"refused {split}"), strict=True):
        said = {
            name: bytes(value.to(torch.uint8).tolist()).decode() for name, value in result.items()
        }
        for name in ("gather", "randn", "draws"):
            assert f"must be this process' {own} documents" in said[name]
            assert said[name].startswith("InputError: distributed.")
        for name in ("words", "entries"):
            assert "got 99" in said[name]
            assert "entries" in said[name]
        assert said["step"].startswith("TrainingError: epoch 1: torch's generator")
        assert "batch_randn" in said["step"]


def test_a_process_that_is_gone_ends_the_others_with_our_error(processes):
    said = (processes.folder / "left.txt").read_text(encoding="utf-8")
    assert said.startswith("distributed.total: the processes of one training must all be alive")


def test_alone_everything_is_torchs_own():
    assert distributed.current() is None
    like = torch.zeros(2)
    a = torch.tensor([[0.1, 3.0]], requires_grad=True)
    torch.manual_seed(3)
    ours = (
        distributed.batch_randn((5, 2), like),
        distributed.batch_rand((5, 2), like, entries=True),
        distributed.batch_gamma(a),
        distributed.batch_draws(lambda n: torch.randn(n, 2), 3),
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
    assert distributed.gather(x) is x
    assert distributed.total(x) is x
    assert torch.equal(distributed.mean(x), x.mean(0))
    assert torch.equal(distributed.mean(x[:, 0]), x[:, 0].mean())
    assert distributed.agree(3, 8) == Share(0, (3,), (8,))
    assert distributed.anywhere(True, torch.device("cpu"))


def test_a_share_of_one_process_needs_no_group():
    x = torch.randn(4, 3)
    with distributed.sharing(Share(0, (4,), (9,))):
        assert distributed.gather(x) is x
        assert torch.equal(distributed.mean(x), x.mean(0))
        with distributed.alone():
            assert distributed.current() is None
        assert distributed.current() == Share(0, (4,), (9,))
    assert distributed.current() is None


@pytest.mark.parametrize(
    ("rank", "documents", "entries", "said"),
    [
        (2, (1, 1), (1, 1), "rank must be one of the 2 processes'"),
        (-1, (1, 1), (1, 1), "rank must be one of the 2 processes'"),
        (0, (1, 1), (1,), "one number a process, got 2 and 1"),
        (0, (1, -1), (1, 1), "must be 0 or more"),
        (0, (), (), "rank must be one of the 0"),
    ],
)
def test_an_impossible_share_is_refused(rank, documents, entries, said):
    with pytest.raises(InputError, match=said):
        Share(rank, documents, entries)
