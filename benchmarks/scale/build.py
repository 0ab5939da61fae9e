"""Documents per second of building a corpus folder from text, as the number of documents grows.

    python benchmarks/scale/build.py --sizes 10000 100000 --workers 2

Text is synthetic: one line per document, words ``w0``, ``w1``, … of a Zipf vocabulary, 100 words per
line. Each build is ``topicforge corpus build`` in a process of its own, streamed into shards; its time is
that of the whole command, start of Python included. Printed are documents per second, bytes of text per
second, bytes of the folder per document, and the largest memory of any one of the command's processes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from synthetic import zipf

LENGTH = 100
_BLOCK = 5_000


def write_text(path: Path, documents: int, vocab_size: int) -> None:
    """Write one line per document; word v is drawn with probability proportional to 1 / (v + 1)."""
    rng = np.random.default_rng(0)
    cdf = zipf(vocab_size)
    names = np.array([f"w{v}" for v in range(vocab_size)])
    with path.open("w") as file:
        for start in range(0, documents, _BLOCK):
            n = min(_BLOCK, documents - start)
            words = np.searchsorted(cdf, rng.random((n, LENGTH)), side="right")
            file.writelines(" ".join(row) + "\n" for row in names[words])


def build(source: Path, target: Path, workers: int, shard: int) -> tuple[float, float]:
    """Seconds, and peak MB of the largest process, of one command."""
    command = [
        sys.executable, "-m", "topicforge", "corpus", "build", str(source), "--output", str(target),
        "--workers", str(workers), "--shard-documents", str(shard), "--force",
    ]  # fmt: skip
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        said = running.stderr.read().decode()
        # the command's own use, its workers included, and not that of an earlier command
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise SystemExit(said)
    return time.perf_counter() - began, used.ru_maxrss / 1024


def main(argv: Sequence[str] | None = None) -> None:
    """Write, build, print a line a size."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000])
    parser.add_argument("--vocabulary", type=int, default=100_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--shard", type=int, default=10_000, help="documents a shard")
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args(argv)
    print("documents  seconds  documents/s  text MB/s  folder bytes/document  peak MB")
    with tempfile.TemporaryDirectory() as name:
        for size in given.sizes:
            source, target = Path(name) / "text.txt", Path(name) / "corpus"
            write_text(source, size, given.vocabulary)
            found = [build(source, target, given.workers, given.shard) for _ in range(given.rounds)]
            seconds, peak = min(found)[0], max(memory for _, memory in found)
            stored = sum(f.stat().st_size for f in target.rglob("*") if f.is_file())
            print(
                f"{size:>9,} {seconds:>8.1f} {size / seconds:>12,.0f} "
                f"{source.stat().st_size / seconds / 1e6:>10.1f} {stored / size:>22.0f} {peak:>8.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
