r"""The mathematics of many processes: N of them with B / N documents each give what one with B gives.

Let theta_r be process r's copy of the parameters, all equal to theta, L(theta) the loss that one
process computes from all B documents, and L_r the loss that process r sends backwards. The
collectives here (:func:`total`, :func:`mean`, :func:`gather`) are differentiable: what arrives at
process r on the way back is the sum of what left from every process. So the gradient on r is

    g_r = d(sum_s L_s) / d theta_r,

through batch statistics and gathered latents too, and the average that data parallel training
steps with (Li et al. 2020, "PyTorch Distributed", arXiv:2006.15704, section 3.1) is, by the chain
rule over the N copies,

    1/N sum_r g_r = d(1/N sum_s L_s) / d theta.

It is dL / d theta wherever 1/N sum_s L_s = L. Two ways to have that, which may be added up:

- a mean over documents, local: L_r = N / B * sum of l_i over r's own documents;
- a term that every process computes in full, and equally: L_r = L. It is what :func:`mean` gives,
  what a rule over gathered latents gives (MMD), and what a penalty on parameters gives.

Noise follows the documents and not the processes: all processes keep torch's global generator in
one state, each draws for all B documents and keeps the rows of its own (:func:`batch_randn`). On the
CPU a draw of more than 65,536 numbers is made in blocks of rows, each from a generator of its own whose
seed comes from the global one; so a process draws the blocks of its own rows, at their cost. Training
must therefore seed every process equally, and nothing may draw a number of values from the global
generator that differs between processes;
:func:`check_in_step` finds out.

How it travels is another matter: what is small goes over a board in shared memory where all processes are
on one machine (:class:`~topicforge.distributed.board.Board`), the rest and else through torch.distributed.

Who trains puts every step in ``with sharing(share)``. Outside of it there is one process, and every
function here does what torch alone does, without a process group; bit for bit, but for those blocks.
"""

from topicforge.distributed.check import check_in_step
from topicforge.distributed.collectives import (
    anywhere,
    gather,
    gather_entries,
    gather_rows,
    mean,
    means,
    total,
)
from topicforge.distributed.noise import (
    batch_draws,
    batch_dropout,
    batch_gamma,
    batch_rand,
    batch_randn,
)
from topicforge.distributed.share import Share, agree, alone, current, peers_alive, sharing

__all__ = [
    "Share",
    "agree",
    "alone",
    "anywhere",
    "batch_draws",
    "batch_dropout",
    "batch_gamma",
    "batch_rand",
    "batch_randn",
    "check_in_step",
    "current",
    "gather",
    "gather_entries",
    "gather_rows",
    "mean",
    "means",
    "peers_alive",
    "sharing",
    "total",
]
