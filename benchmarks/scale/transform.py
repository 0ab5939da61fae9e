"""Documents per second of writing theta in shards, against those of training with Adam.

    python benchmarks/scale/transform.py --documents 100000 --threads 1 --rounds 3

One synthetic corpus in shards (Zipf vocabulary, 80 distinct words per document), opened through memory
maps, and one network: GSM with a hidden layer. First it is trained for an epoch and saved, and before
anything is timed, the shards that ``TopicModel.transform_to`` writes, one after the other, must equal
``TopicModel.transform`` bit for bit, as .npy and as Parquet. Then training, .npy and Parquet take turns,
each in a process of its own, and the best of the rounds counts. The time of training is that of an epoch
alone; the time of writing begins with the opened corpus and model and ends with the last
shard on the disk, checksums of both included.

Must hold: each format is written at least as fast as the network is trained. Otherwise the
table says ``too slow``, and the script ends with 1.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

LEAST = 1.0
FORMATS = ("npy", "parquet")


def train(folder: Path, given: argparse.Namespace, save: bool = False) -> float:
    """Documents per second of an epoch; the model is saved on the first call only."""
    from topicforge import TopicModel
    from topicforge.corpus import Corpus

    model = TopicModel(
        "nvdm-gsm", n_topics=given.topics, epochs=1, batch_size=given.batch,
        encoder__hidden=(given.hidden,),
    )  # fmt: skip
    model.fit(Corpus.open(folder / "corpus"))
    if save:
        model.save(folder / "model")
    return model.history_[0].documents_per_second


def write(folder: Path, given: argparse.Namespace, kind: str) -> float:
    """Documents per second of ``transform_to``."""
    from topicforge import load
    from topicforge.corpus import Corpus

    corpus, model = Corpus.open(folder / "corpus"), load(folder / "model")
    out = folder / f"theta-{kind}"
    shutil.rmtree(out, ignore_errors=True)
    began = time.perf_counter()
    model.transform_to(corpus, out, format=kind, shard_documents=given.shard)
    return corpus.n_documents / (time.perf_counter() - began)


def check(folder: Path, given: argparse.Namespace) -> None:
    """The shards together are what ``transform`` gives, bit for bit."""
    from topicforge import load, open_theta
    from topicforge.corpus import Corpus

    whole = load(folder / "model").transform(Corpus.open(folder / "corpus"))
    for kind in FORMATS:
        write(folder, given, kind)
        shards = np.concatenate(list(open_theta(folder / f"theta-{kind}")))
        assert shards.dtype == whole.dtype == np.float32
        assert np.array_equal(shards.view(np.uint32), whole.view(np.uint32)), kind


def one(what: str, folder: Path, given: argparse.Namespace) -> float:
    """One contestant, or the preparation, in this process."""
    import torch

    torch.set_num_threads(given.threads)
    if what == "prepare":
        train(folder, given, save=True)
        check(folder, given)
        return 0.0
    return train(folder, given) if what == "train" else write(folder, given, what)


def in_a_process(what: str, folder: Path, options: Sequence[str]) -> float:
    """The same in a process of its own."""
    command = [sys.executable, __file__, *options, "--one", what, str(folder)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return float(json.loads(ran.stdout.splitlines()[-1]))


def table(rates: dict[str, float]) -> tuple[list[str], bool]:
    """The lines to print, and whether all that must hold does."""
    lines, all_held = ["contestant  documents/s  ratio"], True
    for what, rate in rates.items():
        ratio = rate / rates["train"]
        held = what == "train" or ratio >= LEAST
        all_held = all_held and held
        lines.append(f"{what:<10} {rate:>12,.0f} {ratio:>6.2f}{'' if held else '  too slow'}")
    return lines, all_held


def parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Options."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--documents", type=int, default=2_000)
    parser.add_argument("--folder", type=Path, help="a temporary one within it; the system's")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--vocabulary", type=int, default=100_000)
    parser.add_argument("--words", type=int, default=80, help="distinct words per document")
    parser.add_argument("--shard", type=int, default=25_000, help="documents per shard")
    parser.add_argument("--topics", type=int, default=50)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--batch", type=int, default=1_000)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Prepare, run the contestants in turns, print the table."""
    given = parsed(argv)
    if given.one:
        print(json.dumps(one(given.one[0], Path(given.one[1]), given)))
        return 0
    from synthetic import write_corpus

    options = list(sys.argv[1:] if argv is None else argv)
    rates: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="transform-", dir=given.folder) as name:
        folder = Path(name)
        write_corpus(folder / "corpus", given.documents, vocab_size=given.vocabulary,
                     distinct=given.words, shard_documents=given.shard)  # fmt: skip
        for what in ("prepare", *("train", *FORMATS) * given.rounds):
            rate = in_a_process(what, folder, options)
            if what != "prepare":
                rates[what] = max(rate, rates.get(what, 0.0))
    lines, held = table(rates)
    print("\n".join(lines))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
