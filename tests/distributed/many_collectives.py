"""What each process computes with collectives and shared noise, and on which splits."""

import torch

from topicforge import distributed
from topicforge.distributed import Share, noise
from topicforge.errors import InputError, TrainingError
from topicforge.parts.layers import word_layer

#: documents and entries of each process, for each number of processes; an empty share among them
SPLITS = {
    2: {"even": ((4, 4), (9, 7)), "uneven": ((7, 3), (20, 5)), "empty": ((5, 0), (11, 0))},
    4: {
        "even": ((3, 3, 3, 3), (5, 6, 7, 8)),
        "uneven": ((4, 3, 3, 1), (9, 0, 4, 2)),
        "empty": ((4, 3, 0, 3), (9, 8, 0, 4)),
    },
}


def whole(*shape, seed=0):
    """Numbers of all documents, the same in every process."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def weight(rank, like):
    """What process ``rank`` makes of a gathered tensor: every process something else."""
    return whole(*like.shape, seed=100 + rank)


def gathered(share):
    own = share.own_documents
    x = whole(share.n_documents, 3)[own].requires_grad_()
    deep = whole(share.n_documents, 2, 2, seed=1)[own].requires_grad_()
    single = whole(share.n_documents, seed=2)[own].float()
    single[:1] = -torch.inf
    y = distributed.gather_rows([x, single, deep])
    (
        (y[0] ** 2 * weight(share.rank, y[0])).sum() + (y[2] * weight(share.rank, y[2])).sum()
    ).backward()
    return {"x": y[0], "single": y[1], "deep": y[2], "x.grad": x.grad, "deep.grad": deep.grad}


def summed(share):
    x = whole(3, 2, seed=share.rank).requires_grad_()
    y = distributed.total(x)
    (y**2 * weight(share.rank, y)).sum().backward()
    z = whole(share.n_documents, 4)[share.own_documents].requires_grad_()
    m = distributed.mean(z)
    (m**2 * weight(share.rank, m)).sum().backward()
    several = z.detach().requires_grad_()
    first, second = distributed.means([several, several[:, 1]])
    (first**2 * weight(share.rank, m)).sum().add(second).backward()
    return {
        "total": y, "x.grad": x.grad, "mean": m, "z.grad": z.grad,
        "means": torch.cat([first, second[None]]), "means.grad": several.grad,
    }  # fmt: skip


def average_of_losses(share):
    """A local mean over documents plus a term of all of them, as data parallel training sums it."""
    a = torch.tensor([0.3, -0.7, 1.1], dtype=torch.float64, requires_grad=True)
    x = whole(share.n_documents, 3)[share.own_documents]
    h = torch.tanh(x * a)
    # a batch statistic inside the per-document loss
    each = (h - distributed.mean(h)).square().sum(1)
    joint = distributed.gather(h)
    loss = share.world_size / share.n_documents * each.sum() + (joint @ joint.T).logsumexp((0, 1))
    loss = loss + a.square().sum()
    loss.backward()
    torch.distributed.all_reduce(a.grad)
    return {"gradient": a.grad / share.world_size}


def words_of_all(share):
    """(crow, col, value, goal) of the whole batch: as many entries as the split says, five words, H = 3."""
    lengths, words = [], 5
    for documents, entries in zip(share.documents, share.entries, strict=True):
        ends = torch.linspace(0, entries, documents + 1).long() if documents else torch.zeros(1)
        lengths.append(ends.diff().long())
    crow = torch.cat([torch.zeros(1, dtype=torch.int64), torch.cat(lengths).cumsum(0)])
    col = torch.arange(share.n_entries) % words
    return crow, col, whole(share.n_entries, seed=5), whole(share.n_documents, 3, seed=6)


def word_layers(share):
    """One entry a document or many: gradients of the weight, strided and of rows, and of the bias."""
    crow, col, value, goal = words_of_all(share)
    own, entries = share.own_documents, share.own_entries
    crow = crow[own.start : own.stop + 1] - crow[own.start]
    out = {}
    for name, sparse in (("strided", False), ("rows", True)):
        weight = whole(5, 3, seed=7).requires_grad_()
        bias = whole(3, seed=8).requires_grad_()
        y = word_layer(
            crow, col[entries], value[entries], weight, bias, sparse_grad=sparse, shared=True
        )
        (y * goal[own]).sum().backward()
        out[name] = weight.grad.to_dense() if sparse else weight.grad
        out[f"{name} y"], out[f"{name} bias"] = y, bias.grad
    return out


def drawn(share):
    torch.manual_seed(7)
    own, entries = share.documents[share.rank], share.entries[share.rank]
    like = torch.zeros((), dtype=torch.float64)
    out = {
        "randn": distributed.batch_randn((own, 3), like),
        "rand": distributed.batch_rand((own, 2), like.float()),
        "entries": distributed.batch_randn((entries,), like, entries=True),
        "second": distributed.batch_randn((2, own, 3), like, dim=1),
        "dropout": distributed.batch_dropout(torch.ones(own, 20, dtype=torch.float64), 0.3),
        "words": distributed.batch_dropout(torch.ones(entries), 0.5, entries=True),
        "draws": distributed.batch_draws(lambda n: torch.randn(n, 2), own),
    }
    a = whole(share.n_documents, 4).exp()[share.own_documents].requires_grad_()
    out["gamma"] = distributed.batch_gamma(a)
    (out["gamma"].log() * 2).sum().backward()
    out["gamma.grad"] = a.grad
    out["gammas"] = distributed.batch_gamma(a.detach(), 2)
    distributed.check_in_step("test", torch.device("cpu"))
    out["next"] = torch.randn(3)
    return out


def drawn_in_blocks(share):
    """With blocks of 6 numbers instead of tens of thousands."""
    torch.manual_seed(7)
    own, entries = share.documents[share.rank], share.entries[share.rank]
    like = torch.zeros((), dtype=torch.float64)
    whole_block, noise._BLOCK = noise._BLOCK, 6
    out = {
        "randn": distributed.batch_randn((own, 3), like),
        "rand": distributed.batch_rand((own, 9), like),
        "entries": distributed.batch_randn((entries,), like, entries=True),
        "second": distributed.batch_randn((2, own, 1), like, dim=1),
        "dropout": distributed.batch_dropout(torch.ones(own, 5), 0.3),
    }
    noise._BLOCK = whole_block
    out["next"] = torch.randn(3)
    return out


def agreed(share):
    own = distributed.agree(share.documents[share.rank], share.entries[share.rank])
    return {
        "documents": torch.tensor(own.documents),
        "entries": torch.tensor(own.entries),
        "rank": torch.tensor(own.rank),
        "first": torch.tensor(distributed.anywhere(share.rank == 1, torch.device("cpu"))),
        "none": torch.tensor(distributed.anywhere(False, torch.device("cpu"))),
    }


def refused(share):
    """Messages as bytes, since only tensors are saved."""
    own = share.documents[share.rank]

    def message(call):
        try:
            call()
        except (InputError, TrainingError) as error:
            return torch.tensor(list(f"{type(error).__name__}: {error}".encode()))
        return torch.tensor([])

    def out_of_step():
        torch.manual_seed(0)
        torch.randn(1 + share.rank)
        distributed.check_in_step("epoch 1", torch.device("cpu"))

    like = torch.zeros(())
    return {
        "gather": message(lambda: distributed.gather(torch.zeros(own + 1, 2))),
        "mean": message(lambda: distributed.mean(torch.zeros(()))),
        "randn": message(lambda: distributed.batch_randn((own + 2, 2), like)),
        "entries": message(lambda: distributed.gather_entries([torch.zeros(99)])),
        "words": message(lambda: distributed.batch_dropout(torch.zeros(99), 0.5, entries=True)),
        "draws": message(lambda: distributed.batch_draws(torch.randn, own + 1)),
        "step": message(out_of_step),
    }


def in_share(case, documents, entries):
    def run(rank):
        share = Share(rank, documents, entries)
        with distributed.sharing(share):
            out = case(share)
        return {name: value.detach() for name, value in out.items()}

    return run


def cases(world):
    return {
        f"{case.__name__} {split}": in_share(case, *counts)
        for case in (
            gathered,
            summed,
            average_of_losses,
            word_layers,
            drawn,
            drawn_in_blocks,
            agreed,
            refused,
        )
        for split, counts in SPLITS[world].items()
    }
