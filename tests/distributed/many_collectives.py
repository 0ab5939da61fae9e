"""What each process computes with collectives and shared noise, and on which splits."""

import torch

from topicforge import distributed
from topicforge.distributed import Split
from topicforge.distributions import DiagonalNormal
from topicforge.errors import InputError, TrainingError

#: documents and entries of each process, for each number of processes; one without any among them
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


def gathered(split):
    _, own = split.rows()
    x = whole(split.n_documents, 3)[own].requires_grad_()
    deep = whole(split.n_documents, 2, 2, seed=1)[own].requires_grad_()
    single = whole(split.n_documents, seed=2)[own].float()
    single[:1] = -torch.inf
    y, z, w = (distributed.batch_gather(value) for value in (x, single, deep))
    ((y**2 * weight(split.rank, y)).sum() + (w * weight(split.rank, w)).sum()).backward()
    return {"x": y, "single": z, "deep": w, "x.grad": x.grad, "deep.grad": deep.grad}


def summed(split):
    x = whole(3, 2, seed=split.rank).requires_grad_()
    y = distributed.batch_sum(x)
    (y**2 * weight(split.rank, y)).sum().backward()
    z = whole(split.n_documents, 4)[split.rows()[1]].requires_grad_()
    m = distributed.batch_mean(z)
    (m**2 * weight(split.rank, m)).sum().backward()
    return {"sum": y, "x.grad": x.grad, "mean": m, "z.grad": z.grad}


def average_of_losses(split):
    """A local mean over documents plus a term of all of them, as data parallel training sums it."""
    a = torch.tensor([0.3, -0.7, 1.1], dtype=torch.float64, requires_grad=True)
    x = whole(split.n_documents, 3)[split.rows()[1]]
    h = torch.tanh(x * a)
    # a batch statistic inside the per-document loss
    each = (h - distributed.batch_mean(h)).square().sum(1)
    joint = distributed.batch_gather(h)
    world = len(split.documents)
    loss = world / split.n_documents * each.sum() + (joint @ joint.T).logsumexp((0, 1))
    loss = loss + a.square().sum()
    loss.backward()
    torch.distributed.all_reduce(a.grad)
    return {"gradient": a.grad / world}


def prior():
    return DiagonalNormal(torch.zeros(2), torch.zeros(2))


def drawn(split):
    own, entries = split.documents[split.rank], split.entries[split.rank]
    like = torch.zeros((), dtype=torch.float64)
    with distributed.random_from({"cpu": torch.Generator().manual_seed(7)}):
        out = {
            "randn": distributed.randn((own, 3), like),
            "rand": distributed.rand((own, 2), like.float()),
            "second": distributed.randn((2, own, 3), like, dim=1),
            "dropout": distributed.dropout(torch.ones(own, 20, dtype=torch.float64), 0.3),
            "words": distributed.dropout(torch.ones(entries), 0.5, entries=True),
            "prior": distributed.prior_draws(prior().rsample, own),
        }
        a = whole(split.n_documents, 4).exp()[split.rows()[1]].requires_grad_()
        out["gamma"] = distributed.gamma(a)
        (out["gamma"].log() * 2).sum().backward()
        out["gamma.grad"] = a.grad
        out["gammas"] = distributed.gamma(a.detach(), 2)
        out["next"] = torch.randn(3, generator=distributed.generator(like.device))
    return out


def agreed(split):
    own = distributed.agree(split.documents[split.rank], split.entries[split.rank])
    return {
        "documents": torch.tensor(own.documents),
        "entries": torch.tensor(own.entries),
        "rank": torch.tensor(own.rank),
    }


def refused(split):
    """Messages as bytes, since only tensors are saved."""
    own = split.documents[split.rank]

    def message(call):
        try:
            call()
        except (InputError, TrainingError) as error:
            return torch.tensor(list(f"{type(error).__name__}: {error}".encode()))
        return torch.tensor([])

    like = torch.zeros(())
    return {
        "gather": message(lambda: distributed.batch_gather(torch.zeros(own + 1, 2))),
        "mean": message(lambda: distributed.batch_mean(torch.zeros(()))),
        "randn": message(lambda: distributed.randn((own + 2, 2), like)),
        "words": message(lambda: distributed.dropout(torch.zeros(99), 0.5, entries=True)),
        "draws": message(lambda: distributed.prior_draws(prior().rsample, own + 1)),
    }


def in_split(case, documents, entries):
    def run(rank):
        split = Split(rank, documents, entries)
        with distributed.splitting(split):
            out = case(split)
        return {name: value.detach() for name, value in out.items()}

    return run


def cases(world):
    return {
        f"{case.__name__} {split}": in_split(case, *counts)
        for case in (gathered, summed, average_of_losses, drawn, agreed, refused)
        for split, counts in SPLITS[world].items()
    }
