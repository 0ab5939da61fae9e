"""Gradients averaged by torch's engine and in memory that the processes share."""

import os
from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from topicforge.distributed import shared_memory
from topicforge.distributed.board import Board
from topicforge.training.shared_gradients import SharedGradients

STEPS = 3


class Network(nn.Module):
    """Of a layer that nobody needs, one that the last process alone needs, and two for all."""

    def __init__(self, dtype):
        super().__init__()
        torch.manual_seed(3)
        self.first, self.last = nn.Linear(7, 11).to(dtype), nn.Linear(11, 1).to(dtype)
        self.rare, self.unused = nn.Linear(11, 11).to(dtype), nn.Linear(2, 2).to(dtype)

    def forward(self, x, rare):
        h = torch.tanh(self.first(x))
        return self.last(self.rare(h) if rare else h)


def network(dtype=torch.float32):
    return Network(dtype)


def gradients(module, rank, world, after=lambda: None):
    """Of several steps, by name; no entry where there is none."""
    found = {}
    for step in range(STEPS):
        x = torch.randn(4, 7, generator=torch.Generator().manual_seed(100 * step + rank))
        module.zero_grad()
        module(x, rank == world - 1).square().sum().backward()
        after()
        for name, p in module.named_parameters():
            if p.grad is not None:
                found[f"{step} {name.removeprefix('module.')}"] = p.grad.clone()
    return found


def averaged(rank, world):
    board = Board.of_all()
    plain, own, seen = (
        DistributedDataParallel(network(), find_unused_parameters=True),
        network(),
        network(),
    )
    averages = SharedGradients.of_all(board, list(own.parameters()))
    others = SharedGradients.of_all(board, list(seen.parameters()))
    found = {
        "plain": gradients(plain, rank, world),
        "copied": gradients(own, rank, world, lambda: averages.average(writable=True)),
        "shared": gradients(seen, rank, world, lambda: others.average(writable=False)),
        "names": os.fstat(board._memory.file).st_nlink,
    }
    for p in own.parameters():
        if p.grad is not None:
            p.grad += rank  # each has its own
    board.meet("the test")
    found["written"] = {n: p.grad.clone() for n, p in own.named_parameters() if p.grad is not None}
    return found


def refused(_rank, _world):
    """Where it can't be done there is no object, on no process."""
    board = Board.of_all()
    parameters = list(network().parameters())
    found = {
        "float64": SharedGradients.of_all(board, list(network(torch.float64).parameters())),
        "no board": SharedGradients.of_all(None, parameters),
    }
    memory, open_file = shared_memory._MEMORY, shared_memory._found
    shared_memory._MEMORY = Path("/nowhere")
    found["no memory"] = SharedGradients.of_all(board, parameters)
    found["no board's memory"] = Board.of_all()
    shared_memory._MEMORY = memory
    shared_memory._found = lambda name, size: open_file(name + b"-elsewhere", size)
    found["another machine"] = SharedGradients.of_all(board, parameters)
    shared_memory._found = open_file
    return {name: value is None for name, value in found.items()}


def cases(world):
    return {
        "averaged": lambda rank: averaged(rank, world),
        "refused": lambda rank: refused(rank, world),
    }
