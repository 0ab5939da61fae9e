"""A watch over the processes' generators."""

from __future__ import annotations

import zlib

import torch
from torch import distributed as torch_distributed

from topicforge.distributed.share import current, peers_alive
from topicforge.errors import TrainingError


def check_in_step(where: str, device: torch.device) -> None:
    """Require torch's global generator of ``device`` to be in one state on all processes.

    A collective: every process that shares the batch must call it. It costs one small message.

    Args:
        where: what came before, for the message.
        device: whose generator; the check sum travels over it too.

    Raises:
        TrainingError: the states differ: something drew another number of values on one process
            than on another; or another process is gone.
    """
    share = current()
    if share is None or share.world_size == 1:
        return
    cuda = device.type == "cuda"
    state = torch.cuda.get_rng_state(device) if cuda else torch.get_rng_state()
    own = torch.tensor([zlib.crc32(state.numpy().tobytes())], device=device)
    sums = [torch.empty_like(own) for _ in share.documents]
    with peers_alive("check_in_step"):
        torch_distributed.all_gather(sums, own, group=share.group)
    if len({int(value) for value in sums}) > 1:
        raise TrainingError(
            f"{where}: torch's generator must be in one state on all {share.world_size} processes, "
            "but it is not: a part of the model drew another number of values on one process than "
            "on another, as torch.randn(own documents) does. Let the part draw with "
            "topicforge.plugin.distributed.batch_randn, or train in one process"
        )
