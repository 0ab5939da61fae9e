"""Exported files beside `transform`: largest difference, bytes, milliseconds per batch of 200 documents.

python benchmarks/export_formats.py [PRESET ...] prints the table of docs/export.md.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch

from topicforge import TopicModel
from topicforge.export import FORMATS
from topicforge.registry import default_registry


def milliseconds(runs: list[Callable[[], object]]) -> list[float]:
    """Median of 15 calls of each, in turn, so that all meet the same machine."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(15):
        for run, taken in zip(runs, times, strict=True):
            start = time.perf_counter()
            run()
            taken.append(1000 * (time.perf_counter() - start))
    return [statistics.median(taken) for taken in times]


def main(presets: list[str]) -> None:
    """Fit, export, compare and time each preset; print rows of a Markdown table."""
    from lda import datasets

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    counts = sp.csr_matrix(datasets.load_reuters(), dtype=np.float32)
    batch = counts[:200].copy()
    given = [
        torch.from_numpy(batch.indptr).long(),
        torch.from_numpy(batch.indices).long(),
        torch.from_numpy(batch.data),
    ]
    print(f"| preset | transform, ms | {' | '.join(FORMATS)} |")
    print("|---|" + "---|" * (1 + len(FORMATS)))
    for preset in presets:
        model = TopicModel(preset, n_topics=50, epochs=2, seed=0).fit(counts)
        expected = model.transform(batch)
        found, functions = [], []
        for to, form in FORMATS.items():
            path = Path(tempfile.mkdtemp()) / "file"
            model.export(path, to)
            function, _ = form.open(path.read_bytes(), [])
            with torch.no_grad():
                apart = float(np.abs(function(*given).numpy() - expected).max())
            found.append((apart, path.stat().st_size))
            functions.append(partial(function, *given))
        with torch.no_grad():
            python, *taken = milliseconds([partial(model.transform, batch), *functions])
        cells = [
            f"{apart:.0e}, {size / 1e6:.1f} MB, {ms:.1f} ms"
            for (apart, size), ms in zip(found, taken, strict=True)
        ]
        print(f"| `{preset}` | {python:.1f} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or [spec.name for spec in default_registry().specs("preset")])
