"""Training speed of one process with several threads, and of as many processes with one thread each.

    python benchmarks/scale/processes.py --documents 64000 --batch 4000 --epochs 3 --rounds 3

Synthetic documents (Zipf vocabulary, 80 distinct words each), K = 50, one batch for all processes
together, which torchrun starts. In each round the two take turns, each in processes of its own, and the
best epoch of all rounds counts, without the first of each fit. Before anything is printed, the loss of
every epoch must be the same to 1e-5, relatively. As many free cores as threads are needed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence

import numpy as np

TOLERANCE = 1e-5


def train(preset: str, size: int, given: argparse.Namespace) -> dict[str, list[float]]:
    """Fit in this process, alone or with others: losses and rates by epoch."""
    import torch
    from synthetic import counts

    from topicforge import TopicModel

    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    torch.set_num_threads(1 if several else given.threads)
    if several:
        torch.distributed.init_process_group("gloo")
    documents = counts(given.documents, size, given.words)
    model = TopicModel(preset, n_topics=given.topics, epochs=given.epochs, batch_size=given.batch)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(documents)
    if several:
        # a process that leaves early takes the connection from those that still read from it
        torch.distributed.barrier()
        torch.distributed.destroy_process_group()
    return {
        "losses": [report.loss for report in model.history_],
        "rates": [report.documents_per_second for report in model.history_[1:]],
    }


def in_processes(
    count: int, preset: str, size: int, options: Sequence[str]
) -> dict[str, list[float]]:
    """The same in ``count`` fresh processes."""
    start = [sys.executable]
    if count > 1:
        start += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    ran = subprocess.run(
        [*start, __file__, *options, "--one", preset, str(size)],
        stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found: dict[str, list[float]] = json.loads(ran.stdout.splitlines()[-1])
    return found


def race(given: argparse.Namespace, preset: str, size: int, options: Sequence[str]) -> list[float]:
    """Best documents per second of one process and of several, equal losses required."""
    best = [0.0, 0.0]
    for _ in range(given.rounds):
        one, several = (in_processes(n, preset, size, options) for n in (1, given.threads))
        np.testing.assert_allclose(several["losses"], one["losses"], rtol=TOLERANCE)
        best = [max(b, *found["rates"]) for b, found in zip(best, (one, several), strict=True)]
    return best


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--epochs", type=int, default=2, help="at least 2")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2, help="of the one process")
    parser.add_argument("--presets", nargs="+", default=["etm-paper", "default"])
    parser.add_argument("--vocabularies", type=int, nargs="+", default=[5_000, 50_000])
    parser.add_argument("--words", type=int, default=80, help="distinct words per document")
    parser.add_argument("--topics", type=int, default=50)
    parser.add_argument("--batch", type=int, default=1_000, help="documents of all processes")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the contestants in turns and print the table."""
    given = parsed(argv)
    if given.one:
        found = train(given.one[0], int(given.one[1]), given)
        if os.environ.get("RANK", "0") == "0":
            print(json.dumps(found), flush=True)
        # torch's threads outlive the process group, and the interpreter's end may meet one of them
        os._exit(0)
    options = list(sys.argv[1:] if argv is None else argv)
    print(
        f"documents per second: one process with {given.threads} threads, {given.threads} processes"
    )
    for size in given.vocabularies:
        for preset in given.presets:
            one, several = race(given, preset, size, options)
            print(f"{preset:<10} V = {size:<7} {one:>11,.0f} {several:>11,.0f}", flush=True)


if __name__ == "__main__":
    main()
