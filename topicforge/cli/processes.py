"""Several processes as ``torchrun`` starts them: the rank of this one."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import typer

_SAID = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")


@contextmanager
def joined() -> Iterator[int]:
    """Join the processes that ``torchrun`` started, and leave them at the end.

    NCCL with a GPU for each process where there are GPUs, else gloo on the CPU.

    Yields:
        The rank: 0 for a process alone and for the one that speaks and writes.

    Raises:
        typer.BadParameter: there are fewer GPUs than processes on this machine.
    """
    if not all(os.environ.get(name) for name in _SAID) or os.environ["WORLD_SIZE"] == "1":
        yield 0
        return
    import torch
    from torch import distributed as engine
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    from topicforge.distributed.parent import end_with_parent

    end_with_parent()  # an agent that is killed can't end its workers
    local = int(os.environ.get("LOCAL_RANK", "0"))
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        if local >= torch.cuda.device_count():
            raise typer.BadParameter(
                f"process {local} of this machine needs a GPU of its own, but there are "
                f"{torch.cuda.device_count()}; start as many processes, or hide the GPUs with "
                "CUDA_VISIBLE_DEVICES= to train on CPUs"
            )
        torch.cuda.set_device(local)
    # After a restart torchrun's store still holds the addresses of the processes that died, and
    # a process that is quicker than its neighbours would dial them: each attempt has a shelf.
    store, rank, size = next(rendezvous("env://"))
    shelf = PrefixStore(f"attempt-{os.environ.get('TORCHELASTIC_RESTART_COUNT', 0)}", store)
    engine.init_process_group("nccl" if on_gpu else "gloo", store=shelf, rank=rank, world_size=size)
    try:
        yield engine.get_rank()
        # a process that leaves first would close the connection that another still reads from
        with suppress(RuntimeError):  # the others were interrupted and are gone
            engine.barrier()
    finally:
        engine.destroy_process_group()
        # what still holds the group is circles; its threads must not outlive the interpreter
        gc.collect()
