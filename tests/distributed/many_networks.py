"""One training step of whole networks: in one process with B documents, in several with a part each."""

from itertools import pairwise

import numpy as np
import scipy.sparse as sp
import torch
from torch.nn.parallel import DistributedDataParallel

from topicforge import distributed
from topicforge.contracts import Batch, Context, Divergence, Rule
from topicforge.parts.regularisers import ThetaNoise
from topicforge.registry import default_registry
from topicforge.wiring.composition import compose
from topicforge.wiring.network import Network

V, K = 30, 4
DROPS = {"word_dropout": 0.3, "dropout": 0.2, "batch_norm": True, "hidden": (7, 5)}
ENCODERS = {
    "mlp": {**DROPS, "log_var_start": None},
    "mlp-point": DROPS,
    "mlp-dirichlet": DROPS,
    "spectral": {"word_dropout": 0.3, "width": 3},
}
PRIORS = ("gaussian", "dirichlet", "gmm")
DECODERS = {
    "product": {"batch_norm": True, "dropout": 0.2},
    "mlp": {"hidden": (6,), "dropout": 0.2, "likelihood": "bernoulli"},
}


class WholeBatch(Divergence):
    """A third party's divergence: of the batch as a whole, from q's parameters and fresh draws."""

    def resolve(self, pair):
        return Rule(
            self.compute, "sample estimate", pair.posterior.space, "a test", "spread of the batch",
            per_document=False,
        )  # fmt: skip

    def compute(self, q, p, samples):
        ours, theirs = q.rsample(), p.rsample(len(samples.z))
        return (ours - theirs).mean(0).square().sum() + q.mean.var(0).sum()


#: name -> (parts, their options)
MIXES = {
    f"{encoder} {prior} {divergence}": (
        {"encoder": encoder, "prior": prior, "divergence": divergence, "decoder": "product"},
        {"encoder": ENCODERS[encoder], "decoder": DECODERS["product"]},
    )
    for encoder in ENCODERS
    for prior in PRIORS
    for divergence in ("kl", "mmd")
    # no rule by nature: no density, or nothing known between the two families
    if (encoder, divergence) != ("mlp-point", "kl")
    if (encoder, prior, divergence)
    not in {("mlp-dirichlet", "gaussian", "kl"), ("mlp-dirichlet", "gmm", "kl")}
}
MIXES["other decoder, linear link, biased mmd"] = (
    {"encoder": "mlp", "prior": "gaussian", "divergence": "mmd", "decoder": "mlp",
     "link": "linear-softmax"},
    {"encoder": ENCODERS["mlp"], "decoder": DECODERS["mlp"],
     "divergence": {"unbiased": False, "kernel": "diffusion"}},
)  # fmt: skip
MIXES["kl by samples"] = (
    {"encoder": "mlp", "prior": "gaussian", "divergence": "kl", "decoder": "product"},
    {"encoder": ENCODERS["mlp"], "decoder": DECODERS["product"],
     "divergence": {"estimator": "monte-carlo", "n_samples": 3}},
)  # fmt: skip
for encoder in ("mlp", "mlp-dirichlet"):
    MIXES[f"{encoder} whole batch"] = (
        {"encoder": encoder, "prior": "dirichlet", "divergence": WholeBatch, "decoder": "product"},
        {"encoder": ENCODERS[encoder], "decoder": DECODERS["product"]},
    )
#: also stepped under torch's DistributedDataParallel
TORCHS = ("mlp gaussian mmd", "mlp-dirichlet dirichlet kl")

SPLITS = {
    2: {"even": (6, 6), "uneven": (9, 3), "empty": (0, 11)},
    4: {"uneven": (5, 3, 1, 2), "empty": (4, 3, 0, 3)},
}


def counts(n):
    rng = np.random.default_rng(n)
    drawn = rng.multinomial(20, rng.dirichlet(np.full(V, 0.2), size=n)).astype(np.float64)
    return sp.csr_matrix(drawn)


def as_batch(rows):
    return Batch(
        torch.from_numpy(rows.indptr).long(), torch.from_numpy(rows.indices).long(),
        torch.from_numpy(rows.data), V,
    )  # fmt: skip


def network(mix):
    """Equal in every process: parameters of seed 0, away from where many start, zero."""
    torch.manual_seed(0)
    parts, options = MIXES[mix]
    all_options = {"prior": {"learn": "components"}} if parts["prior"] == "gmm" else {}
    composition = compose(default_registry(), {"link": None, **parts}, {**all_options, **options})
    built = Network(composition, Context(V, K, K, 0, mean_length=20.0)).double()
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return built.train()


def step(mix, documents, split=None, *, torchs=False):
    """Loss, gradients and running statistics of two batches, since statistics remember.

    ``torchs``: torch's DistributedDataParallel averages the gradients, not we.
    """
    built = network(mix)
    run = DistributedDataParallel(built, broadcast_buffers=False) if torchs else built
    noise = ThetaNoise(share=0.1)
    noise.start(built)
    torch.manual_seed(1)
    rows = counts(documents)
    own = slice(0, documents) if split is None else split.rows()[1]
    out = {}
    for turn in range(2):
        built.zero_grad()
        with distributed.splitting(split):
            terms = run(as_batch(rows[own]), theta=noise.theta)
            divergence = terms.divergence
            if built.rule.per_document:
                divergence = distributed.batch_mean(divergence)
            loss = distributed.batch_mean(terms.reconstruction) + 0.7 * divergence
            loss.backward()
        out[f"{turn} loss"] = loss.detach()
        out[f"{turn} log_theta"] = terms.log_theta
        for name, parameter in built.named_parameters():
            if parameter.grad is not None:
                out[f"{turn} gradient of {name}"] = parameter.grad.clone()
    out.update({f"buffer {n}": b.clone() for n, b in built.named_buffers() if "running" in n})
    if split is not None and not torchs:
        for name, value in out.items():
            if "gradient" in name:
                torch.distributed.all_reduce(value)
                value /= len(split.documents)
    return out


def entries_of(documents):
    rows = counts(sum(documents))
    ends = np.cumsum((0, *documents))
    return tuple(int(rows[a:b].nnz) for a, b in pairwise(ends))


def cases(world):
    def case(mix, documents, torchs):
        def run(rank):
            split = distributed.Split(rank, documents, entries_of(documents))
            return step(mix, sum(documents), split, torchs=torchs)

        return run

    found = {
        f"{mix} {split}": case(mix, documents, False)
        for mix in MIXES
        for split, documents in SPLITS[world].items()
    }
    for mix in TORCHS:
        found[f"ddp {mix}"] = case(mix, SPLITS[world]["empty"], True)
    return found
