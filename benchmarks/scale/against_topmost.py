"""Documents per second and peak memory against TopMost 1.0.2: same network, batch of 200, K = 50.

    pip install topmost
    python benchmarks/scale/against_topmost.py --counts train.npz --threads 2

Networks: ETM with 800-800 hidden units and fixed word vectors of width 200; ProdLDA with 200-200 and
dropout 0.4. V = 5,000 is the file of counts (scipy .npz, its 5,000 columns), V = 50,000 synthetic:
65 distinct words per document, drawn from a Zipf vocabulary. Every contestant runs in a process of
its own, they take turns, and the best of the rounds counts: another program's load then hits all
alike. TopMost's time is its own loop (dense rows, DataLoader, Adam), without its reading.

Peak memory is that of other processes, with 20,000 documents at V = 50,000: what TopMost needs grows with
the documents (dense rows of them all), so it is a matter of how many there are; ours is that of the
libraries and the parameters with Adam's moments. TopMost takes ten steps there, ours an epoch.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
import warnings
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import synthetic

BATCH, K = 200, 50
#: words of a synthetic document
DISTINCT = 65
SETTINGS: dict[str, dict[str, Any]] = {
    "etm": {
        "preset": "etm-paper", "encoder__hidden": (800, 800), "decoder__width": 200,
        "decoder__train_vectors": False, "learning_rate": 2e-3, "optimiser__weight_decay": 0.0,
    },
    "prodlda": {
        "preset": "prodlda-paper", "encoder__hidden": (200, 200), "encoder__dropout": 0.4,
        "decoder__dropout": 0.4,
    },
}  # fmt: skip


def counts_of(size: int, path: Path | None, documents: int) -> sp.csr_array:
    """The file's first documents, or synthetic ones."""
    if size == 5_000:
        assert path is not None
        return sp.csr_array(sp.load_npz(path))[:documents].astype(np.float32)
    return synthetic.counts(documents, size, DISTINCT)


def ours(model: str, counts: sp.csr_array, epochs: int) -> float:
    """Documents per second of the best epoch."""
    from topicforge import TopicModel

    made = TopicModel(n_topics=K, epochs=epochs, batch_size=BATCH, **SETTINGS[model])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.fit(counts)
    return max(report.documents_per_second for report in made.history_)


def theirs(model: str, counts: sp.csr_array, epochs: int, most: int) -> float:
    """Documents per second of the best epoch of TopMost's loop, of ``most`` steps at most."""
    import topmost
    import torch

    dense = torch.from_numpy(counts.toarray())
    network = {"etm": topmost.ETM, "prodlda": topmost.ProdLDA}[model](counts.shape[1], num_topics=K)
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    batches = torch.utils.data.DataLoader(dense, batch_size=BATCH, shuffle=True)
    network.train()
    best = 0.0
    for _ in range(epochs):
        began = time.perf_counter()
        for batch in islice(batches, most):
            loss = network(batch)["loss"]
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        seen = min(len(dense), most * BATCH)
        best = max(best, seen / (time.perf_counter() - began))
    return best


def run_one(given: argparse.Namespace) -> None:
    """One contestant in this process: its rate and its memory as a line of JSON."""
    import torch

    torch.set_num_threads(given.threads)
    counts = counts_of(given.size, given.counts, given.documents)
    rate = (
        theirs(given.model, counts, given.epochs, given.steps)
        if given.program == "topmost"
        else ours(given.model, counts, given.epochs)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"rate": rate, "peak": peak}))


def in_a_process(
    given: argparse.Namespace,
    size: int,
    model: str,
    program: str,
    documents: int,
    epochs: int,
    steps: int | None = None,
) -> dict[str, float]:
    """Rate and peak memory of one contestant."""
    numbers = {
        "--size": size, "--documents": documents, "--epochs": epochs, "--threads": given.threads,
        **({} if steps is None else {"--steps": steps}),
    }  # fmt: skip
    command = [
        sys.executable, __file__, "--one", "--model", model, "--program", program,
        *(str(part) for pair in numbers.items() for part in pair),
        *(["--counts", str(given.counts)] if given.counts else []),
    ]  # fmt: skip
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Run all contestants in turns and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--counts", type=Path, help=".npz with 5,000 columns")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--one", help=argparse.SUPPRESS, action="store_true")
    for name in ("--model", "--program"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    for name in ("--size", "--documents", "--epochs"):
        parser.add_argument(name, type=int, help=argparse.SUPPRESS)
    parser.add_argument("--steps", type=int, default=1 << 30, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        run_one(given)
        return
    sizes = [5_000, 50_000] if given.counts else [50_000]
    contestants = [
        (size, model, program)
        for size in sizes
        for model in SETTINGS
        for program in ("topmost", "topicforge")
    ]
    best: dict[tuple[int, str, str], dict[str, float]] = {}
    for _ in range(given.rounds):
        for size, model, program in contestants:
            slow = size == 50_000 and program == "topmost"
            found = in_a_process(
                given, size, model, program, documents=1_000 if slow else 4_000, epochs=2
            )
            seen = best.setdefault((size, model, program), found)
            seen["rate"] = max(seen["rate"], found["rate"])
    for size, model, program in contestants:
        documents = 4_000 if size == 5_000 else 20_000
        steps = 10 if program == "topmost" else None
        found = in_a_process(given, size, model, program, documents, epochs=1, steps=steps)
        best[size, model, program]["peak"] = found["peak"]
    print("V       network  documents/s  TopMost  ratio  peak MB  TopMost  ratio")
    for (size, model, program), found in best.items():
        if program == "topmost":
            continue
        peer = best[size, model, "topmost"]
        print(
            f"{size:<7} {model:<8} {found['rate']:>11,.0f} {peer['rate']:>8,.0f} "
            f"{found['rate'] / peer['rate']:>6.1f} {found['peak']:>8,.0f} "
            f"{peer['peak']:>8,.0f} {found['peak'] / peer['peak']:>6.2f}"
        )


if __name__ == "__main__":
    main()
