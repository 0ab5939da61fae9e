"""Results of races, their table, and what the machine does at best."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import torch


@dataclass(frozen=True)
class Result:
    """One contender of one race: seconds (the best round), bytes (peak growth).

    ``target`` is how many times slower than "native" it must at least be, ``floor`` the seconds of
    what can't be done without, and ``floor_of`` says what that is.
    """

    race: str
    contender: str
    seconds: float
    memory: int
    target: float | None = None
    floor: float | None = None
    floor_of: str = "matrix products alone"


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
    """Floating-point operations a second of this machine's float32 matrix product, at best."""
    rates = []
    for size in sizes:
        a, b = torch.randn(size, size), torch.randn(size, size)
        rates.append(2.0 * size**3 / best_time(lambda a=a, b=b: a @ b, 6))
    return max(rates)


@cache
def bandwidth(elements: int = 1 << 26) -> float:
    """Bytes a second that a copy of ``elements`` float32 reads and writes, at best."""
    source, target = torch.ones(elements), torch.empty(elements)
    return 8.0 * elements / best_time(lambda: target.copy_(source), 6)


def lines(results: Sequence[Result]) -> Iterator[str]:
    """The ratio tables, one a race."""
    for name in dict.fromkeys(r.race for r in results):
        rows = [r for r in results if r.race == name]
        native = next((r for r in rows if r.contender == "native"), None)
        yield ""
        yield name
        yield f"  {'contender':<34} {'time':>11} {'memory':>10} {'ratio':>8} {'at least':>9}"
        for r in rows:
            ratio = f"{r.seconds / native.seconds:.1f}" if native else "-"
            target = f"{r.target:g}" if r.target is not None else ""
            verdict = ""
            if native and r.target is not None:
                verdict = "" if r.seconds / native.seconds >= r.target else "  missed"
            yield (
                f"  {r.contender:<34} {1e3 * r.seconds:>8.3f} ms {r.memory / 2**20:>6.0f} MiB "
                f"{ratio:>8} {target:>9}{verdict}"
            )
            if r.floor is not None:
                label = f"(floor: {r.floor_of})"
                yield (
                    f"  {label:<34} {1e3 * r.floor:>8.3f} ms"
                    f"{'':>11} {r.floor / r.seconds:>8.0%} of the rate reached here"
                )
