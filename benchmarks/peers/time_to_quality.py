"""How long the default composition takes to reach a peer's own NPMI and nmi.

    ratio = seconds of the peer's training / seconds of the first fit() that has both of its scores

Per corpus, the peer is trained, then the default, from scratch with 1, 2, 5, ... epochs until both of
its scores are at least the peer's. Same threads, same machine, minutes apart.

python benchmarks/peers/time_to_quality.py STUDY.toml --peer ecrtm -- --model ecrtm --epochs 60
"""

from __future__ import annotations

import argparse
import math
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
from threadpoolctl import threadpool_limits

from topicforge import TopicModel
from topicforge.experiments.compare import Cell, read_plan
from topicforge.experiments.compare.peers import read_peer
from topicforge.experiments.compare.score import TOP, score

#: what has to be reached
SCORES = ("npmi", "nmi")
HEADS = ("corpus", "peer npmi", "nmi", "s", "ours npmi", "nmi", "epochs", "s", "ratio")

Scores = Mapping[str, float | None]


@dataclass(frozen=True)
class Row:
    """One corpus of the table.

    Args:
        corpus: its name.
        peer: the peer's scores; ``None`` where the corpus has no labels.
        peer_seconds: of its training.
        ours: scores of the last fit.
        epochs: of the last fit.
        seconds: of the last fit.
    """

    corpus: str
    peer: Scores
    peer_seconds: float
    ours: Scores
    epochs: int
    seconds: float

    @property
    def reached(self) -> bool:
        """Whether every score of the last fit is at least the peer's."""
        return reached(self.ours, self.peer)

    @property
    def ratio(self) -> float:
        """Seconds of the peer / ours; nan if its scores were not reached."""
        return self.peer_seconds / self.seconds if self.reached else math.nan

    def cells(self) -> list[str]:
        """Return the row's columns."""
        return [
            self.corpus,
            *(_number(self.peer[name]) for name in SCORES),
            f"{self.peer_seconds:.2f}",
            *(_number(self.ours[name]) for name in SCORES),
            str(self.epochs),
            f"{self.seconds:.2f}",
            f"{self.ratio:.1f}" if self.reached else "not reached",
        ]


def reached(ours: Scores, peer: Scores) -> bool:
    """Whether ours is at least the peer's in every score that the peer has; False if it has none."""
    known = {name: value for name, value in peer.items() if value is not None}
    got = {name: ours[name] for name in known}
    return bool(known) and all(v is not None and v >= known[k] for k, v in got.items())


def peer_of(cell: Cell, folder: Path) -> tuple[Scores, float]:
    """Return the peer's scores and the seconds of its training, from the cell's files in a folder.

    Args:
        cell: of the peer.
        folder: has files of the same names as the study's, whatever folders the study names.
    """
    record = read_peer(_moved(cell, folder))
    seconds = record["seconds"].get("fit")
    if seconds is None:
        raise SystemExit(f"{folder}: {cell.title}: 'facts' must name seconds.fit, and does not")
    return record["scores"], float(seconds)


def run_peer(
    cell: Cell, folder: Path, python: str, script: Path, threads: int, more: Sequence[str]
) -> None:
    """Train the peer on one corpus by its own script, with a study of this one cell.

    Args:
        cell: of the peer.
        folder: for the study and the peer's files.
        python: interpreter that has the peer.
        script: of benchmarks/peers.
        threads: for the peer.
        more: further options of the script.
    """
    files = _moved(cell, folder).files
    study = folder / f"{cell.corpus}-{cell.n_topics}-{cell.seed}.toml"
    study.write_text(
        f"n_topics = [{cell.n_topics}]\nseeds = [{cell.seed}]\nmetrics = {list(SCORES)!r}\n"
        f"[peers.{_quoted(cell.contestant)}]\n"
        + "".join(f"{kind} = {_quoted(path)}\n" for kind, path in files.items())
        + f"[corpora.{_quoted(cell.corpus)}]\n"
        f"train = {_quoted(str(cell.documents.train.resolve()))}\n"
        f"held_out = {_quoted(str((cell.documents.held_out or cell.documents.train).resolve()))}\n",
        encoding="utf-8",
    )
    command = [python, str(script), str(study), "--peer", cell.contestant]
    command += ["--threads", str(threads), *more]
    # read by OpenMP and the BLAS when they are loaded, before the script can set anything
    bound = dict.fromkeys(
        ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)
    )
    subprocess.run(command, check=True, env={**os.environ, **bound})


def fits(cell: Cell, epochs: Sequence[int]) -> Iterator[tuple[int, float, Scores]]:
    """Yield epochs, seconds and scores of the default composition, each fit from scratch.

    The seconds are those of fit(), start from clusters included, documents already opened.

    Args:
        cell: says the documents, K and the seed.
        epochs: of the fits, in turn.
    """
    train, test = cell.documents.open()
    scored = replace(cell, metrics=SCORES)
    for number in epochs:
        model = TopicModel(n_topics=cell.n_topics, epochs=number, seed=cell.seed)
        began = time.perf_counter()
        model.fit(train)
        seconds = time.perf_counter() - began
        topics = [list(words) for words in model.topics(TOP)]
        yield number, seconds, score(scored, topics, model.transform(test), train, test)


def race(cell: Cell, peer: Scores, peer_seconds: float, epochs: Sequence[int]) -> Row:
    """Return the row of the first fit that reaches the peer's scores, or else of the last fit.

    Args:
        cell: says the documents, K and the seed.
        peer: its scores.
        peer_seconds: of its training.
        epochs: of the fits, in turn; at least one.
    """
    for number, seconds, ours in fits(cell, epochs):
        row = Row(cell.corpus, peer, peer_seconds, ours, number, seconds)
        if row.reached:
            break
    return row


def warm_up() -> None:
    """Fit something tiny, so that no import is timed."""
    counts = np.random.default_rng(0).integers(1, 3, (60, 40))
    TopicModel(n_topics=2, epochs=1, seed=0).fit(sp.csr_array(counts))


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = [HEADS, ["---"] * len(HEADS), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _moved(cell: Cell, folder: Path) -> Cell:
    names = {kind: str(folder.resolve() / Path(path).name) for kind, path in cell.files.items()}
    return replace(cell, files=names, metrics=SCORES)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _epochs(text: str) -> list[int]:
    numbers = [int(part) for part in text.split(",")]
    if min(numbers) < 1:
        raise argparse.ArgumentTypeError(f"must be whole numbers of at least 1, got {text!r}")
    return numbers


def _arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", type=Path, help="the .toml file of `topicforge compare`")
    parser.add_argument("--peer", required=True, help="NAME of the table [peers.NAME] in the study")
    parser.add_argument("--epochs", type=_epochs, default=[1, 2, 5, 10, 20], help="1,2,5,10,20")
    parser.add_argument("--threads", type=int, default=1, help="threads of both")
    parser.add_argument("--corpora", help="names, separated by commas; all by default")
    parser.add_argument(
        "--python", default=sys.executable, help="interpreter of an environment that has the peer"
    )
    parser.add_argument(
        "--script", type=Path, default=Path(__file__).with_name("topmost_models.py")
    )
    parser.add_argument(
        "--peer-output", type=Path, help="folder with the peer's files: do not train it"
    )
    parser.epilog = "Options after -- are those of the peer's script."
    words = list(sys.argv[1:] if given is None else given)
    cut = words.index("--") if "--" in words else len(words)
    found = parser.parse_args(words[:cut])
    found.more = words[cut + 1 :]
    return found


def main(given: Sequence[str] | None = None) -> list[Row]:
    """Run every cell of the peer; print each row when it is done, then the table."""
    options = _arguments(given)
    own = [c for c in read_plan(options.study).cells() if c.files and c.contestant == options.peer]
    if options.corpora:
        by_name = {c.corpus: c for c in own}
        missing = [name for name in options.corpora.split(",") if name not in by_name]
        if missing:
            raise SystemExit(
                f"{options.study}: no corpus {missing[0]!r} for [peers.{options.peer}]"
            )
        own = [c for name in options.corpora.split(",") for c in own if c.corpus == name]
    if not own:
        raise SystemExit(f"{options.study} has no table [peers.{options.peer}]")
    torch.set_num_threads(options.threads)
    rows: list[Row] = []
    with (
        tempfile.TemporaryDirectory() as made,
        threadpool_limits(options.threads),
        warnings.catch_warnings(),
    ):
        # one epoch is meant to be short of convergence
        warnings.simplefilter("ignore")
        warm_up()
        for cell in own:
            folder = options.peer_output or Path(made)
            if options.peer_output is None:
                run_peer(
                    cell, folder, options.python, options.script, options.threads, options.more
                )
            rows.append(race(cell, *peer_of(cell, folder), options.epochs))
            print(" ".join(rows[-1].cells()), flush=True)
    print(table(rows), flush=True)
    return rows


if __name__ == "__main__":
    main()
