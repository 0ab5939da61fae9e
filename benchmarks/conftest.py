"""Runs the races of the files ``bench_<op>.py`` and prints a table per race.

pytest-benchmark does the timing, so its options (``--benchmark-json``, ``--benchmark-autosave``,
``--benchmark-compare``) hold.
"""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from op_checks import peak_growth
from races import Entry, contestants
from table import Result, lines

THREADS = int(os.environ.get("TOPICFORGE_BENCH_THREADS", "2"))
SECONDS = float(os.environ.get("TOPICFORGE_BENCH_SECONDS", "1.5"))  # of timing, per contender

_RESULTS: list[Result] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    """Other parties' implementations."""
    parser.addoption(
        "--contestant",
        action="append",
        default=[],
        metavar="[OPERATOR=]MODULE:FUNCTION",
        help="let a function with the operator's signature race too; repeatable",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every race of the file with every contender and every contestant of its operator."""
    if "entry" not in metafunc.fixturenames:
        return
    try:
        others = contestants(metafunc.config.getoption("--contestant"))
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    entries = [
        pytest.param(
            (race, contender), id=f"{race.title}: {getattr(contender, 'label', contender)}"
        )
        for race in metafunc.module.races("cpu")
        for contender in [*race.contenders, *(c for c in others if c.operator == race.operator)]
    ]
    metafunc.parametrize("entry", entries)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Contenders from elsewhere may warn; here only their numbers count."""
    for item in items:
        if item.path.name.startswith("bench_"):
            item.add_marker(pytest.mark.filterwarnings("default"))


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(THREADS)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def measure(benchmark: Any) -> Callable[[Entry], None]:
    """Compares an entry with the native operator, times it and takes its memory."""

    def run(entry: Entry) -> None:
        errors = entry.errors()
        seconds, memory = timed(benchmark, entry.race.title, entry.name, entry.run)
        floor, floor_of = entry.floor()
        benchmark.extra_info.update(
            operator=entry.race.operator,
            memory=memory,
            floor=floor,
            value_error=errors.value,
            gradient_error=errors.gradient,
            threads=THREADS,
        )
        result = (entry.race.title, entry.name, seconds, memory, entry.target, floor, floor_of)
        _RESULTS.append(Result(*result, *errors))

    return run


def timed(
    benchmark: Any, race: str, contender: str, function: Callable[[], Any]
) -> tuple[float, int]:
    """Seconds of the best round, and bytes of memory."""
    function()  # caches, code generation
    start = time.perf_counter()
    function()
    once = time.perf_counter() - start
    rounds = int(min(max(SECONDS / max(once, 1e-7), 3), 2000))
    benchmark.group = race
    benchmark.name = contender
    benchmark.pedantic(function, rounds=rounds, warmup_rounds=1)
    return benchmark.stats.stats.min if benchmark.stats else once, peak_growth(function)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the tables of this run."""
    write = terminalreporter.write_line
    if _RESULTS:
        write("")
        write(f"{THREADS} threads, torch {torch.__version__}; best round of each contender")
        load = os.getloadavg()[0]
        if load > 1.5 * THREADS:
            write(
                f"the machine is busy (load {load:.1f}) and the times are not reliable; repeat later"
            )
    for line in lines(_RESULTS):
        write(line)
