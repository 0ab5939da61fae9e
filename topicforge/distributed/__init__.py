r"""Several processes train as one: N of them with B / N documents each give what one gives with all B.

Processes are those of ``torch.distributed`` (gloo or NCCL), and
:class:`~torch.nn.parallel.DistributedDataParallel` averages their gradients. What it cannot know is
written here: batch statistics and terms that are no mean over documents.

Let theta_r be process r's copy of the parameters, all equal to theta, L(theta) the loss that one
process computes from all B documents, and L_r the loss that process r sends backwards. The collectives
(:func:`batch_sum`, :func:`batch_mean`, :func:`batch_gather`) are differentiable: the gradient that arrives
at process r is the sum of those that left from every process. So the gradient on r is

    g_r = d(sum_s L_s) / d theta_r,

through batch statistics and gathered latents too, and the average that data parallel training
steps with (Li et al. 2020, "PyTorch Distributed", arXiv:2006.15704, section 3.1) is, by the chain
rule over the N copies,

    1/N sum_r g_r = d(1/N sum_s L_s) / d theta.

It is dL / d theta wherever 1/N sum_s L_s = L. Two ways to have that, which may be added up:

- a mean over documents, local: L_r = N / B * sum of l_i over r's own documents;
- a term that every process computes in full, and equally: L_r = L. This is what :func:`batch_mean` gives,
  what a rule over gathered latents gives (MMD), and what a penalty on parameters gives.

Random numbers of the built-in parts come from one generator, seeded alike on every process: each process
draws those of all B documents and keeps the rows of its own (:mod:`topicforge.distributed.noise`).
Everything else, a third party's ``torch.randn`` say, comes from torch's global generator, which is seeded
differently on every process; the model is then as correct, but not the same for another N.

Training puts every step in ``with splitting(split)``. Outside of it there is one process, and every
function here does what torch alone does, without a process group.
"""

from topicforge.distributed.collectives import (
    agree,
    batch_gather,
    batch_mean,
    batch_sum,
    peers_alive,
)
from topicforge.distributed.noise import (
    dropout,
    gamma,
    generator,
    prior_draws,
    rand,
    randn,
    random_from,
    seeded,
)
from topicforge.distributed.split import Split, current, splitting

__all__ = [
    "Split",
    "agree",
    "batch_gather",
    "batch_mean",
    "batch_sum",
    "current",
    "dropout",
    "gamma",
    "generator",
    "peers_alive",
    "prior_draws",
    "rand",
    "randn",
    "random_from",
    "seeded",
    "splitting",
]
