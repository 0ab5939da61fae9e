"""One run, one table: every contender checked for equality, timed, weighed, and compared.

A benchmark asks for the fixture ``race`` and calls it once a contender. At the end of the run a
table a race is printed: best time, memory, and how many times slower than the native operator
each contender is. pytest-benchmark does the timing, so its options (``--benchmark-json``,
``--benchmark-autosave``, ``--benchmark-compare``) hold.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import torch
from op_checks import peak_growth

THREADS = int(os.environ.get("TOPICFORGE_BENCH_THREADS", "2"))
SECONDS = float(os.environ.get("TOPICFORGE_BENCH_SECONDS", "1.5"))  # a contender's timing


@dataclass(frozen=True)
class Result:
    """One contender of one race: seconds (the best round), bytes (peak growth)."""

    race: str
    contender: str
    seconds: float
    memory: int
    target: float | None
    floor: float | None


_RESULTS: list[Result] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Contenders from elsewhere may warn; here only numbers are asked for."""
    for item in items:
        if item.path.name.startswith("bench_"):
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(autouse=True)
def _two_cores() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


@cache
def matrix_rate() -> float:
    """Floating-point operations a second of this machine's float32 matrix product, at best."""
    best = 0.0
    for size in (1024, 2048):
        a, b = torch.randn(size, size), torch.randn(size, size)
        for _ in range(6):
            start = time.perf_counter()
            a @ b
            best = max(best, 2.0 * size**3 / (time.perf_counter() - start))
    return best


@pytest.fixture
def race(benchmark: Any) -> Callable[..., None]:
    """``race(name, contender, function, check, target=None, operations=None)``.

    ``check()`` asserts equality before anything is timed. ``target`` is how many times slower
    than "native" this contender must at least be; ``operations`` are those of the matrix
    products that the task can't do without, for the floor at this machine's matrix rate.
    """

    def run(
        name: str,
        contender: str,
        function: Callable[[], Any],
        check: Callable[[], None],
        target: float | None = None,
        operations: float | None = None,
    ) -> None:
        check()
        function()  # caches, code generation
        start = time.perf_counter()
        function()
        once = time.perf_counter() - start
        rounds = int(min(max(SECONDS / max(once, 1e-7), 3), 2000))
        benchmark.group = name
        benchmark.name = contender
        benchmark.pedantic(function, rounds=rounds, warmup_rounds=1)
        memory = peak_growth(function)
        floor = operations / matrix_rate() if operations is not None else None
        benchmark.extra_info.update(memory=memory, floor=floor, threads=THREADS)
        seconds = benchmark.stats.stats.min if benchmark.stats else once
        _RESULTS.append(Result(name, contender, seconds, memory, target, floor))

    return run


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the ratio tables of this run."""
    write = terminalreporter.write_line
    races = list(dict.fromkeys(r.race for r in _RESULTS))
    if races:
        write("")
        write(f"{THREADS} threads, torch {torch.__version__}; best round of each contender")
        load = os.getloadavg()[0]
        if load > 1.5 * THREADS:
            write(
                f"the machine is busy (load {load:.1f}): threads wait for each other, repeat later"
            )
    for name in races:
        rows = [r for r in _RESULTS if r.race == name]
        native = next((r for r in rows if r.contender == "native"), None)
        write("")
        write(name)
        write(f"  {'contender':<34} {'time':>11} {'memory':>10} {'ratio':>8} {'at least':>9}")
        for r in rows:
            ratio = f"{r.seconds / native.seconds:.1f}" if native else "-"
            target = f"{r.target:g}" if r.target is not None else ""
            verdict = ""
            if native and r.target is not None:
                verdict = "" if r.seconds / native.seconds >= r.target else "  missed"
            write(
                f"  {r.contender:<34} {1e3 * r.seconds:>8.3f} ms {r.memory / 2**20:>6.0f} MiB "
                f"{ratio:>8} {target:>9}{verdict}"
            )
            if r.floor is not None:
                share = r.floor / r.seconds
                write(
                    f"  {'(floor: matrix products alone)':<34} {1e3 * r.floor:>8.3f} ms"
                    f"{'':>11} {share:>8.0%} of the rate that torch.mm reaches here"
                )
