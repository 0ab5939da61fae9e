"""One process of several: runs every case over gloo and saves what came out as tensors."""

import os
import sys
from datetime import timedelta
from pathlib import Path

import many_collectives
import many_networks
import many_training
import torch
from torch import distributed as torch_distributed

from topicforge import distributed
from topicforge.errors import TrainingError

MODULES = (many_collectives, many_networks, many_training)


def main(folder: Path, rank: int, world: int) -> None:
    torch_distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=world,
        timeout=timedelta(seconds=60),
    )  # fmt: skip
    found = {}
    for module in MODULES:
        for name, case in module.cases(world).items():
            found[name] = case(rank)
    torch.save(found, folder / f"{rank}.pt")
    torch_distributed.barrier()
    # last, since it ends the group: the others leave, and the first still wants a sum
    if rank == 0:
        with distributed.splitting(distributed.Split(0, (1,) * world, (1,) * world)):
            try:
                distributed.batch_sum(torch.ones(1))
            except TrainingError as error:
                (folder / "left.txt").write_text(str(error), encoding="utf-8")
        os._exit(0)  # gloo's threads may abort while a broken group is taken down


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
