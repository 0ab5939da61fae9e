"""Documents per second and peak memory of training, as the number of documents grows.

    python benchmarks/scale/documents.py --sizes 10000 100000 1000000 --threads 1

Synthetic documents (Zipf vocabulary of 100,000, 80 distinct words each) are written straight into
sharded corpus folders. For each size a process of its own opens the folder through memory maps and
trains GSM; the sizes take turns, and the best of the rounds counts. A rate is that of a
whole epoch, by the wall clock; the smaller sizes run more epochs, the best of which counts, and so the
comparison is never in favour of the largest. Documents per second of processor time, of the whole fit,
stand beside it: on a machine that does other work the two part.

Two peaks of memory are given. ``anonymous`` is what is compared: memory of the process alone (RssAnon
of /proc/self/status, sampled every 10 ms). ``all resident`` (ru_maxrss) also counts the pages of
the mapped corpus and of libraries' files that happen to be in memory: those belong to the system's
cache, which drops them when another program asks.

Must hold from the smallest to the largest: documents per second fall by less than 15 %, anonymous peak
memory grows by less than 100 MB. Otherwise the table says ``too much``, and the script ends with 1.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

MOST_FALL, MOST_GROWTH = 0.15, 100.0
PERIOD = 0.01


class AnonymousPeak:
    """Highest RssAnon of this process while the block runs, in MB (2^20 bytes)."""

    def __enter__(self) -> AnonymousPeak:
        self.peak = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        with open("/proc/self/status") as status:
            while True:
                status.seek(0)
                found = next(line for line in status if line.startswith("RssAnon:"))
                self.peak = max(self.peak, int(found.split()[1]) / 1024)
                if self._over.wait(PERIOD):
                    return


def train(folder: Path, given: argparse.Namespace) -> dict[str, float]:
    """Train in this process; rates of the best epoch and peaks of memory."""
    import torch

    from topicforge import TopicModel
    from topicforge.corpus import Corpus

    torch.set_num_threads(given.threads)
    corpus = Corpus.open(folder)
    epochs = max(1, min(given.most_epochs, given.least // corpus.n_documents))
    model = TopicModel(
        "nvdm-gsm", n_topics=given.topics, epochs=epochs, batch_size=given.batch,
        encoder__hidden=(given.hidden,),
    )  # fmt: skip
    with AnonymousPeak() as watched:
        began = time.process_time()
        model.fit(corpus)
        processor = time.process_time() - began
    assert [report.epoch for report in model.history_] == list(range(1, epochs + 1))
    return {
        "rate": max(report.documents_per_second for report in model.history_),
        "processor": epochs * corpus.n_documents / processor,
        "anonymous": watched.peak,
        "resident": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def in_a_process(folder: Path, options: Sequence[str]) -> dict[str, float]:
    """The same in a process of its own, whose peak is then that of this size alone."""
    command = [sys.executable, __file__, *options, "--one", str(folder)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(ran.stdout.splitlines()[-1])
    return found


def table(found: dict[int, dict[str, float]]) -> tuple[list[str], bool]:
    """The lines to print, and whether all that must hold does."""
    lines = ["documents  documents/s  by processor time  anonymous MB  all resident MB"]
    lines += [
        f"{size:>9,} {one['rate']:>12,.0f} {one['processor']:>18,.0f} {one['anonymous']:>13,.0f} "
        f"{one['resident']:>16,.0f}"
        for size, one in found.items()
    ]
    small, large = found[min(found)], found[max(found)]
    fall = 1 - large["rate"] / small["rate"]
    growth = large["anonymous"] - small["anonymous"]
    for name, value, most, held in (
        ("documents/s fall by", f"{fall:.1%}", f"{MOST_FALL:.0%}", fall < MOST_FALL),
        ("anonymous peak grows by", f"{growth:.1f} MB", f"{MOST_GROWTH:.0f} MB", growth < MOST_GROWTH),
    ):  # fmt: skip
        lines.append(f"{name} {value}, limit {most}{'' if held else '  too much'}")
    return lines, fall < MOST_FALL and growth < MOST_GROWTH


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 4_000])
    parser.add_argument("--folder", type=Path, help="kept, and used again; else a temporary one")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--vocabulary", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=80, help="distinct words per document")
    parser.add_argument("--shard", type=int, default=100_000, help="documents per shard")
    parser.add_argument("--topics", type=int, default=50)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--most-epochs", type=int, default=5)
    parser.add_argument("--least", type=int, default=50_000, help="documents that each size sees")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Write the corpora, train on each in turns, print the table."""
    given = parsed(argv)
    if given.one:
        print(json.dumps(train(given.one, given)))
        return 0
    from synthetic import write_corpus

    folder = given.folder or Path(tempfile.mkdtemp(prefix="documents-"))
    options = list(sys.argv[1:] if argv is None else argv)
    best: dict[int, dict[str, float]] = {}
    try:
        for size in given.sizes:
            shape = (size, given.vocabulary, given.words, given.shard)
            corpus = folder / "zipf-{}-{}-{}-{}".format(*shape)
            if not (corpus / "corpus.json").exists():
                shutil.rmtree(corpus, ignore_errors=True)
                write_corpus(corpus, size, vocab_size=given.vocabulary, distinct=given.words,
                             shard_documents=given.shard)  # fmt: skip
        for _ in range(given.rounds):
            for size in given.sizes:
                shape = (size, given.vocabulary, given.words, given.shard)
                one = in_a_process(folder / "zipf-{}-{}-{}-{}".format(*shape), options)
                seen = best.setdefault(size, one)
                for name in ("rate", "processor"):
                    seen[name] = max(seen[name], one[name])
                for name in ("anonymous", "resident"):
                    seen[name] = max(seen[name], one[name])
    finally:
        if given.folder is None:
            shutil.rmtree(folder)
    lines, held = table(best)
    print("\n".join(lines))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
