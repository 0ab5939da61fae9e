"""Results of races, their table, and what the machine does at best.

python benchmarks/table.py BEFORE.json AFTER.json   # two files of --benchmark-json, side by side
"""

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch


@dataclass(frozen=True)
class Result:
    """One contender of one race.

    Attributes:
        race: what was raced, with sizes.
        contender: its name.
        seconds: of the best round.
        memory: bytes by which the process grew at its peak.
        target: how many times as long as "native" it must at least take.
        floor: seconds of what can't be done without.
        floor_of: what that is.
        value_error: how far its value is from the native one, relative to the largest entry.
        gradient_error: the same of its worst gradient.
    """

    race: str
    contender: str
    seconds: float
    memory: int
    target: float | None = None
    floor: float | None = None
    floor_of: str = "matrix products alone"
    value_error: float | None = None
    gradient_error: float | None = None


def best_time(function: Callable[[], object], rounds: int) -> float:
    """Seconds of the shortest of ``rounds`` calls; a GPU is waited for before and after each."""
    device = torch.get_default_device()
    best = float("inf")
    for _ in range(rounds):
        _wait(device)
        start = time.perf_counter()
        function()
        _wait(device)
        best = min(best, time.perf_counter() - start)
    return best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


@cache
def matrix_rate(sizes: tuple[int, ...] = (1024, 2048)) -> float:
    """Floating-point operations per second of this machine's float32 matrix product, at best."""
    rates = []
    for size in sizes:
        a, b = torch.randn(size, size), torch.randn(size, size)
        rates.append(2.0 * size**3 / best_time(lambda a=a, b=b: a @ b, 6))
    return max(rates)


@cache
def bandwidth(elements: int = 1 << 26) -> float:
    """Bytes per second that a copy of ``elements`` float32 reads and writes, at best."""
    source, target = torch.ones(elements), torch.empty(elements)
    return 8.0 * elements / best_time(lambda: target.copy_(source), 6)


def lines(results: Sequence[Result]) -> Iterator[str]:
    """The tables, one per race."""
    for name in dict.fromkeys(r.race for r in results):
        rows = [r for r in results if r.race == name]
        native = next((r for r in rows if r.contender == "native"), None)
        yield ""
        yield name
        yield (
            f"  {'contender':<36} {'time':>11} {'memory':>10} {'ratio':>7} {'at least':>9} "
            f"{'value':>8} {'gradient':>9}"
        )
        for r in rows:
            ratio = r.seconds / native.seconds if native else None
            short = ratio is not None and r.target is not None and ratio < r.target
            yield (
                f"  {r.contender:<36} {1e3 * r.seconds:>8.3f} ms {r.memory / 2**20:>6.0f} MiB "
                f"{_number(ratio, '.1f'):>7} {_number(r.target, 'g'):>9} "
                f"{_number(r.value_error, '.0e'):>8} {_number(r.gradient_error, '.0e'):>9}"
                + ("  not reached" if short else "")
            )
        if native is not None and native.floor is not None:
            label = f"(floor: {native.floor_of})"
            yield (
                f"  {label:<36} {1e3 * native.floor:>8.3f} ms {native.floor / native.seconds:>9.0%} "
                "of the native operator's time"
            )


def _number(x: float | None, style: str) -> str:
    return "" if x is None else format(x, style)


def differences(before: Path, after: Path) -> Iterator[str]:
    """Two files of ``--benchmark-json`` side by side, contender by contender."""
    runs = []
    for path in (before, after):
        records = json.loads(path.read_text(encoding="utf-8"))["benchmarks"]
        runs.append({(r["group"], r["name"]): r for r in records})
    old, new = runs
    for race, contender in dict.fromkeys([*old, *new]):
        yield f"{race}: {contender}"
        for what, style, get in (
            ("time, ms", ".3f", lambda r: 1e3 * r["stats"]["min"]),
            ("memory, MiB", ".0f", lambda r: r["extra_info"].get("memory", 0) / 2**20),
            ("value error", ".0e", lambda r: r["extra_info"].get("value_error")),
            ("gradient error", ".0e", lambda r: r["extra_info"].get("gradient_error")),
            ("floor, ms", ".3f", lambda r: 1e3 * (r["extra_info"].get("floor") or 0.0) or None),
        ):
            pair = [
                _number(get(run[race, contender]), style) if (race, contender) in run else "absent"
                for run in runs
            ]
            if any(pair):
                yield f"  {what:<16} {pair[0]:>10} {pair[1]:>10}"


if __name__ == "__main__":
    for line in differences(*map(Path, sys.argv[1:3])):
        print(line)
