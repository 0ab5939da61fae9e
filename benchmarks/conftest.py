"""One run, one table: every contender checked for equality, timed, weighed, and compared.

A benchmark asks for the fixture ``race`` and calls it once a contender. At the end of the run a
table a race is printed: best time, memory, and how many times slower than the native operator
each contender is. pytest-benchmark does the timing, so its options (``--benchmark-json``,
``--benchmark-autosave``, ``--benchmark-compare``) hold.
"""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from op_checks import peak_growth
from table import Result, lines, matrix_rate

THREADS = int(os.environ.get("TOPICFORGE_BENCH_THREADS", "2"))
SECONDS = float(os.environ.get("TOPICFORGE_BENCH_SECONDS", "1.5"))  # a contender's timing


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


@pytest.fixture
def race(benchmark: Any) -> Callable[..., None]:
    """``race(name, contender, function, check, target=None, operations=None, floor=None)``.

    ``check()`` asserts equality before anything is timed. ``target`` is how many times slower
    than "native" this contender must at least be; ``operations`` are those of the matrix
    products that the task can't do without, for the floor at this machine's matrix rate; ``floor``
    is one in seconds of another kind, and ``floor_of`` says of which.
    """

    def run(
        name: str,
        contender: str,
        function: Callable[[], Any],
        check: Callable[[], None],
        target: float | None = None,
        operations: float | None = None,
        floor: float | None = None,
        floor_of: str = "matrix products alone",
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
        floor = operations / matrix_rate() if operations is not None else floor
        benchmark.extra_info.update(memory=memory, floor=floor, threads=THREADS)
        seconds = benchmark.stats.stats.min if benchmark.stats else once
        _RESULTS.append(Result(name, contender, seconds, memory, target, floor, floor_of))

    return run


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the ratio tables of this run."""
    write = terminalreporter.write_line
    if _RESULTS:
        write("")
        write(f"{THREADS} threads, torch {torch.__version__}; best round of each contender")
        load = os.getloadavg()[0]
        if load > 1.5 * THREADS:
            write(
                f"the machine is busy (load {load:.1f}): threads wait for each other, repeat later"
            )
    for line in lines(_RESULTS):
        write(line)
