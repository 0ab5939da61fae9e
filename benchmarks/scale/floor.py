"""What a training step must cost on this machine, term by term, and what it costs.

    python benchmarks/scale/floor.py --counts train.npz --threads 2      # some minutes

The cells are those of ``against_topmost.py``: its networks, batch of 200, K = 50, float32. Each term of a
step has its floating-point operations and the bytes that must come from memory or go there. Its floor is
the sum, not the larger, of operations at the rate of ``torch.mm`` (2048 x 2048) and bytes at the bandwidth
of ``x.mul_()`` over 256 MB: both of this run and these threads, the best of measurements before each
cell. A sum, because the terms with many bytes (Adam, gathers) and those with many operations (products)
follow each other.

It is a lower bound of the method, not of our way of doing it. What can be had without is not counted: a
second reading of rho or W, logits of the batch's words that the normaliser has made already,
batch-norm statistics (they follow from the logits). Nor are exponentials, dropout and other element-wise
work, Python and dispatch. Bytes are counted as if whatever is smaller than the vocabulary stayed in the
caches, and nothing else did; where a cache holds the first layer too (small V), a step may go below.

Adam reads w, m, v and the gradient of all V x H weights and writes w, m, v; where a batch can't have most
words the gradient is of the batch's rows. A deferred Adam ends at the same
weights but lets the rows that a batch lacks catch up when they are next read, and so goes below Adam's floor;
its own counts the batch's rows twice, once to catch up and once to step. Lazy Adam leaves absent rows
alone.

The step is the median of the best epoch: what a deferred Adam has left to do at an epoch's end is not in
it. Shown must be: it takes at most twice its floor. The last table is torch's profile of one more epoch, by
the time of operators themselves; what its wall clock has beyond them is Python and the profiler's own work.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
from against_topmost import BATCH, SETTINGS, K, counts_of

ASKED = 2.0
#: bytes a parameter: w, m, v and the gradient read, w, m and v written
ADAM = 28
#: w, m and v read and written
CATCH_UP = 24
#: operators by the beginning of their names; the first group that fits has them
GROUPS = {
    "Adam by rows": ("topicforge::lazy_adam_rows", "topicforge::adam_catch_up"),
    "our operators": ("topicforge::", "GeneratedBackwardFor_topicforge"),
    "products": (
        "aten::mm",
        "aten::addmm",
        "aten::bmm",
        "aten::addmv",
        "aten::mv",
        "mkldnn::_linear",
    ),
    "dense Adam": ("aten::_fused_adam",),
    "memory": ("aten::empty", "aten::zero", "aten::fill_", "aten::resize_", "aten::copy_"),
    "other of torch": ("",),
}
REST = "Python"


@dataclass(frozen=True)
class Term:
    """A part of a step: operations and bytes."""

    name: str
    flops: float
    bytes: float


def terms(model: str, optimiser: str, vocab_size: int, entries: float, words: float) -> list[Term]:
    """What one step must do.

    Args:
        model: ``etm`` or ``prodlda``.
        optimiser: ``adam``, ``deferred-adam`` or ``lazy-adam``.
        vocab_size: V.
        entries: different words a document, summed over a batch.
        words: R, different words of a batch.
    """
    V, R, B = vocab_size, words, BATCH
    H = SETTINGS[model]["encoder__hidden"][0]
    rows = V if optimiser == "adam" else R
    with_gradient = V if optimiser == "adam" and entries >= V else R
    late = {"adam": V - with_gradient, "deferred-adam": R, "lazy-adam": 0}[optimiser]
    encoder = [
        Term("batch: entries gathered", 0, 20 * entries),
        Term("first layer, forward: rows of the words", 2 * entries * H, 4 * R * H),
        Term("first layer, gradient", 2 * entries * H, 4 * with_gradient * H),
        Term(
            f"first layer, step of {rows:,.0f} rows",
            0,
            (ADAM * with_gradient + CATCH_UP * late) * H,
        ),
        Term("hidden layer, forward and backward", 3 * 2 * B * H * H, 0),
        Term("two heads, forward and backward", 3 * 2 * B * H * 2 * K, 0),
        Term("steps of hidden layer and heads", 0, ADAM * (H * H + 2 * H * K)),
    ]
    if model == "etm":
        E = SETTINGS[model]["decoder__width"]
        return [
            *encoder,
            Term("normaliser of beta: rho alpha^T", 2 * V * E * K, 4 * V * E),
            Term("gradient of alpha: beta^T rho", 2 * V * E * K, 0),
            Term("likelihood of the entries", 3 * 2 * entries * K, 3 * 4 * R * K),
        ]
    return [
        *encoder,
        Term("normaliser: theta W^T", 2 * B * V * K, 4 * V * K),
        Term("its gradients of theta and W", 2 * 2 * B * V * K, 4 * V * K),
        Term("decoder's step", 0, ADAM * V * K),
    ]


def matrix_rate() -> float:
    """Operations a second of a product of 2048 x 2048 matrices, at best."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    return 2 * 2048.0**3 / _best(lambda: a @ b, 8)


def bandwidth() -> float:
    """Bytes a second that scaling 256 MB in place reads and writes, at best."""
    x = torch.ones(1 << 26)
    return 8.0 * x.numel() / _best(lambda: x.mul_(1.0), 8)


def _best(work: object, rounds: int) -> float:
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        work()  # type: ignore[operator]
        found.append(time.perf_counter() - began)
    return min(found)


def batches(counts: sp.csr_array) -> tuple[float, float]:
    """Entries and different words of a batch of documents in random order, on average."""
    order = np.random.default_rng(0).permutation(counts.shape[0])
    parts = [counts[order[i : i + BATCH]] for i in range(0, len(order) - BATCH + 1, BATCH)]
    return (
        float(np.mean([part.nnz for part in parts])),
        float(np.mean([len(np.unique(part.indices)) for part in parts])),
    )


def measured(
    model: str, optimiser: str, counts: sp.csr_array, epochs: int
) -> tuple[float, dict[str, float]]:
    """Seconds of a step, the median of the best epoch, and the profile of one more, seconds a step."""
    from topicforge import TopicModel
    from topicforge.plugin import Callback

    class Stopwatch(Callback):
        """The median time from the end of a step to that of the next, epoch by epoch."""

        def __init__(self) -> None:
            self.ends: list[float] = []
            self.medians: list[float] = []

        def on_step_end(self, *_: object) -> None:
            self.ends.append(time.perf_counter())

        def on_epoch_end(self, *_: object) -> None:
            self.medians.append(float(np.median(np.diff(self.ends))))
            self.ends.clear()

    watch = Stopwatch()
    made = TopicModel(
        n_topics=K, epochs=epochs, batch_size=BATCH, optimiser=optimiser, callbacks=[watch],
        **SETTINGS[model],
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made.fit(counts)
        seconds = min(watch.medians)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            made.partial_fit(counts)
    steps = -(-counts.shape[0] // BATCH)
    share = dict.fromkeys(GROUPS, 0.0)
    for event in profile.key_averages():
        group = next(g for g, names in GROUPS.items() if event.key.startswith(names))
        share[group] += event.self_cpu_time_total / 1e6 / steps
    wall = BATCH / made.history_[-1].documents_per_second
    return seconds, {**share, REST: max(0.0, wall - sum(share.values()))}


@dataclass(frozen=True)
class Cell:
    """One combination of network, optimiser and V, measured."""

    name: str
    entries: float
    words: float
    parts: list[Term]
    step: float
    share: dict[str, float]


def main() -> None:
    """Print rates, floors against steps, and profiles."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--counts", type=Path, help=".npz with 5,000 columns")
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 50_000], help="V")
    parser.add_argument("--documents", type=int, default=4_000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rate = width = 0.0
    cells = []
    for size in given.sizes:
        if size == 5_000 and given.counts is None:
            continue
        counts = counts_of(size, given.counts, given.documents)
        entries, words = batches(counts)
        for model in SETTINGS:
            for optimiser in ("adam", "deferred-adam", "lazy-adam"):
                rate, width = max(rate, matrix_rate()), max(width, bandwidth())
                parts = terms(model, optimiser, size, entries, words)
                step, share = measured(model, optimiser, counts, given.epochs)
                name = f"{model}, {optimiser}, V = {size:,}"
                cells.append(Cell(name, entries, words, parts, step, share))
    print(f"matrix products {rate / 1e9:,.0f} GFLOP/s, memory {width / 1e9:,.1f} GB/s\n")
    summary, profiles = [], []
    for cell in cells:
        floor = _print_terms(cell, rate, width)
        missed = "  missed" if cell.step > ASKED * floor else ""
        summary.append(
            f"{cell.name:<34} {floor * 1e3:>8.1f} {cell.step * 1e3:>8.1f} "
            f"{cell.step / floor:>6.2f} {ASKED:>6}{missed}"
        )
        numbers = " ".join(f"{seconds * 1e3:>14.1f}" for seconds in cell.share.values())
        profiles.append(f"{cell.name:<34} {numbers}")
    print(f"{'cell':<34} floor ms  step ms  ratio  asked", *summary, sep="\n")
    print(f"\n{'ms a step by the profiler':<34} {' '.join(f'{g:>14}' for g in (*GROUPS, REST))}")
    print(*profiles, sep="\n")


def _print_terms(cell: Cell, rate: float, width: float) -> float:
    """Print a cell's terms; the floor in seconds."""
    print(f"{cell.name}: {cell.entries:,.0f} entries and {cell.words:,.0f} words a batch")
    print(f"  {'term':<42} {'MFLOP':>8} {'MB':>8} {'ms':>8}")
    floor = 0.0
    for part in cell.parts:
        seconds = part.flops / rate + part.bytes / width
        floor += seconds
        print(
            f"  {part.name:<42} {part.flops / 1e6:>8,.0f} {part.bytes / 1e6:>8,.1f} "
            f"{seconds * 1e3:>8.2f}"
        )
    print(f"  {'floor':<60} {floor * 1e3:>8.2f}\n", flush=True)
    return floor


if __name__ == "__main__":
    main()
