"""The whole table on a GPU in one run: every operator against eager PyTorch and torch.compile.

    python benchmarks/on_gpu.py                   # on the first CUDA device
    python benchmarks/on_gpu.py --json h200.json  # the numbers as well
    python benchmarks/on_gpu.py --device cpu --tiny --without-compile  # does the script work?

The cases are those of the ``bench_*.py``, at sizes for a GPU. Equality is asserted before anything
is timed; a contender that fails is named with its reason and the run goes on. Floors are measured in
the same run: the rate of ``torch.mm`` in float32 and the bandwidth of a copy.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import bench_diffusion_kernel
import bench_diffusion_mmd
import bench_mixture_kl_bound
import bench_mixture_log_prob
import bench_product_multinomial_nll
import bench_sparse_linear
import bench_sparse_multinomial_nll
import torch
from table import Result, bandwidth, best_time, lines, matrix_rate
from torch import Tensor

from topicforge.errors import KernelUnavailableError
from topicforge.ops import kernels_report

# (benchmark, its sizes, its sizes when tiny, contenders); the target of each is beside its name.
Case = tuple[Callable[..., None], dict[str, Any], dict[str, Any], dict[str, float | None]]
COMPILED = {"native": None, "torch.compile": 3.0}
CASES: list[Case] = [
    (
        bench_diffusion_mmd.bench_mmd,
        {"n": 16384, "K": 200},
        {"n": 32, "K": 5},
        {"native": None, "plain PyTorch": 10.0, "torch.compile": 3.0},
    ),
    (
        bench_diffusion_kernel.bench_kernel,
        {"n": 8192, "K": 50},
        {"n": 32, "K": 5},
        {**COMPILED, "plain PyTorch": None},
    ),
    *[
        (
            bench_mixture_log_prob.bench_log_prob,
            {"B": 8192, "C": C},
            {"B": 16, "C": 3},
            {
                "native": None,
                "MixtureSameFamily": None,
                "two matrix products": None,
                "two matrix products, torch.compile": 3.0,
            },
        )
        for C in (50, 1000)
    ],
    *[
        (
            bench_mixture_kl_bound.bench_bound,
            {"B": 8192, "operator": operator},
            {"B": 16, "operator": operator},
            {**COMPILED, "reference": None},
        )
        for operator in ("kl_bound", "responsibilities")
    ],
    (
        bench_sparse_multinomial_nll.bench_nll,
        {"B": 4096, "V": 50_000, "K": 100},
        {"B": 8, "V": 100, "K": 3},
        {**COMPILED, "dense": None, "gathered rows (reference)": None},
    ),
    (
        bench_product_multinomial_nll.bench_nll,
        {"B": 4096, "V": 50_000},
        {"B": 8, "V": 100},
        {"native": None, "dense": None, "dense, torch.compile": 3.0, "reference": None},
    ),
    (
        bench_sparse_linear.bench_layer,
        {"B": 4096, "V": 50_000, "H": 256},
        {"B": 8, "V": 100, "H": 4},
        {**COMPILED, "native, sparse gradient": None, "embedding_bag": None, "dense": None},
    ),
]


def why_not(device: str) -> str | None:
    """Why the table can't be made on ``device``, or None."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        return "no table: torch sees no CUDA device here"
    serving = kernels_report().operators
    missing = [name for name, devices in serving.items() if device.split(":")[0] not in devices]
    if missing:
        return f"no table: no native kernels for {device} of {', '.join(missing)}; build them first"
    return None


def measure(
    device: str, *, tiny: bool, compiling: bool, rounds: int
) -> tuple[list[Result], list[str]]:
    """Run every case on ``device``, printing as it goes; the results, and what failed and why."""
    results: list[Result] = []
    failures: list[str] = []
    target: float | None = None

    def race(
        name: str,
        contender: str,
        function: Callable[[], Any],
        check: Callable[[], None],
        _: float | None = None,  # a target for the CPU
        operations: float | None = None,
    ) -> None:
        check()
        outcome = function()
        before = _allocated(device)
        function()
        memory = _peak(device) - before
        seconds = best_time(function, rounds)
        floor, floor_of = None, ""
        if operations is not None:
            floor, floor_of = operations / matrix_rate(sizes), "matrix products alone"
        elif contender == "native" and isinstance(outcome, list):
            # Every tensor that gets a gradient is read once and its gradient written once.
            moved = 2 * sum(_bytes(x) for x in outcome[1:]) + _bytes(outcome[0])
            floor, floor_of = moved / bandwidth(elements), "arguments and gradients"
        results.append(Result(name, contender, seconds, memory, target, floor, floor_of))

    sizes, elements = ((64,), 1 << 12) if tiny else ((4096, 8192), 1 << 28)
    before = torch.get_default_device()
    torch.set_default_device(device)
    try:
        for benchmark, size, small, contenders in CASES:
            done = len(results)
            for contender, target in contenders.items():  # noqa: B007 (race reads it)
                if "torch.compile" in contender and not compiling:
                    continue
                try:
                    benchmark(race, contender=contender, **(small if tiny else size))
                except (RuntimeError, AssertionError, KernelUnavailableError) as error:
                    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                    failures.append(f"{benchmark.__module__}: {contender}: {reason}")
                    print(failures[-1], flush=True)
            for line in lines(results[done:]):
                print(line, flush=True)
    finally:
        torch.set_default_device(before)
    return results, failures


def _bytes(x: Tensor) -> int:
    values = x.coalesce().values() if x.is_sparse else x
    return values.numel() * values.element_size()


def _allocated(device: str) -> int:
    if not device.startswith("cuda"):
        return 0
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated()


def _peak(device: str) -> int:
    return torch.cuda.max_memory_allocated() if device.startswith("cuda") else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code: 1 if a contender failed."""
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="small sizes, to try the script")
    parser.add_argument("--without-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--rounds", type=int, default=20, help="calls a contender; the best counts")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    options = parser.parse_args(arguments)
    reason = why_not(options.device)
    if reason is not None:
        print(reason)
        return 0
    cuda = options.device.startswith("cuda")
    name = torch.cuda.get_device_name(options.device) if cuda else "the CPU"
    print(f"{name}, torch {torch.__version__}; best of {options.rounds} calls of each contender")
    results, failures = measure(
        options.device,
        tiny=options.tiny,
        compiling=not options.without_compile,
        rounds=options.rounds,
    )
    if options.json is not None:
        record = {"device": name, "torch": torch.__version__, "failures": failures}
        record["results"] = [asdict(result) for result in results]
        options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return 1 if failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
