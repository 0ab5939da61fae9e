"""What processes write on their board, and what one says whose neighbour is gone."""

import torch
from torch import distributed as torch_distributed

from topicforge import distributed
from topicforge.distributed import board as boards
from topicforge.distributed.board import Board
from topicforge.errors import TrainingError

ROUNDS = 2000


def written(rank, world):
    """Rounds in which nobody waits longer than needed: numbers that name their writer and round."""
    board = Board.of_all()
    wrong = 0
    for step in range(ROUNDS):
        x = torch.full((step % 7, 3), step * world + rank, dtype=torch.int64)
        for other, read in enumerate(board.everyone(x, "the test")):
            wrong += int((read != step * world + other).sum()) + int(read.shape != x.shape)
    large = torch.zeros(Board.slot + 1, dtype=torch.uint8)
    return {"wrong": wrong, "fits": (board.fits(large[1:]), board.fits(large))}


def collectives(rank, world):
    """The same sums, gathered rows and gradients as over gloo, on the board."""
    board = Board.of_all()
    documents = tuple((r + 1) % world for r in range(world))
    out = {}
    for name, on in (("gloo", None), ("board", board)):
        share = distributed.Share(rank, documents, documents, board=on)
        x = torch.randn(
            documents[rank], 3, generator=torch.Generator().manual_seed(rank), dtype=torch.float64
        ).requires_grad_()
        with distributed.sharing(share):
            mean, rows = distributed.mean(x), distributed.gather(x)
            ((mean * (1 + rank)).sum() + (rows * rows).sum()).backward()
        out[name] = {"mean": mean.detach(), "rows": rows.detach(), "gradient": x.grad}
    agreed = distributed.agree(rank, 2 * rank, board=board)
    out["agreed"] = torch.tensor([agreed.documents, agreed.entries])
    return out


def left(rank, world):
    """The last process lets go of its lock, as the system does when one ends; the others say so."""
    board = Board.of_all()
    look, boards._LOOK = boards._LOOK, 0.05
    said = ""
    if rank == world - 1:
        boards._unlock(board._memory.file, rank)
        torch_distributed.barrier()
    else:
        torch_distributed.barrier()
        try:
            board.meet("the test")
        except TrainingError as error:
            said = str(error)
    boards._LOOK = look
    torch_distributed.barrier()
    return said


def cases(world):
    return {
        "written": lambda rank: written(rank, world),
        "on the board": lambda rank: collectives(rank, world),
        "left": lambda rank: left(rank, world),
    }
