"""Gradients of a wrapped module, averaged by torch and in memory that the processes share."""

from pathlib import Path

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from topicforge.training import shared_gradients
from topicforge.training.shared_gradients import share_gradients

STEPS = 3


def network(dtype=torch.float32):
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(7, 11), nn.Tanh(), nn.Linear(11, 5), nn.Linear(5, 1)).to(dtype)


def wrapped(module):
    return DistributedDataParallel(
        module,
        gradient_as_bucket_view=True,
        find_unused_parameters=True,
        bucket_cap_mb=1e-4,  # a bucket a layer or so
    )


def gradients(module, rank):
    """Of several steps: after the first one torch puts the buckets into another order."""
    found = {}
    for step in range(STEPS):
        x = torch.randn(4, 7, generator=torch.Generator().manual_seed(100 * step + rank))
        module.zero_grad()
        module(x).square().sum().backward()
        for name, p in module.module.named_parameters():
            found[f"{step} {name}"] = p.grad.clone()
    return found


def averaged(rank):
    plain, shared = wrapped(network()), wrapped(network())
    taken = share_gradients(shared)
    return {
        "taken": taken,
        "plain": gradients(plain, rank),
        "shared": gradients(shared, rank),
        "files": [path.name for path in Path("/dev/shm").glob("topicforge-*")],
    }


def refused(rank):
    """Where it can't be done, torch's own engine goes on."""
    found = {}
    module = wrapped(network(torch.float64))
    found["float64"] = share_gradients(module)
    memory, open_file = shared_gradients._MEMORY, shared_gradients._found
    module = wrapped(network())
    shared_gradients._MEMORY = Path("/nowhere")
    found["no memory"] = share_gradients(module)
    shared_gradients._MEMORY = memory
    shared_gradients._found = lambda name, size: open_file(name + b"-elsewhere", size)
    found["another machine"] = share_gradients(module)
    shared_gradients._found = open_file
    found["gradients"] = gradients(module, rank)
    return found


def cases(_world):
    return {"averaged": averaged, "refused": refused}
