"""The whole table on a GPU in one run: every operator against eager PyTorch and torch.compile.

    python benchmarks/on_gpu.py                   # on the first CUDA device
    python benchmarks/on_gpu.py --json h200.json  # the numbers as well
    python benchmarks/on_gpu.py --device cpu --tiny --without-compile  # does the script work?

The races are those of the ``bench_*.py``, at sizes for a GPU. A contender that fails, or that computes
something else than the native operator, is named with its reason and the run goes on. Floors are
measured in the same run: the rate of ``torch.mm`` in float32 and the bandwidth of a copy.
"""

import argparse
import importlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from races import Contestant, Entry, Race, contestants
from table import Result, best_time, lines

from topicforge.errors import KernelUnavailableError
from topicforge.ops import kernels_report


def races(size: str) -> Iterator[Race]:
    """The races of all files at sizes for a "gpu", or "tiny"."""
    for path in sorted(Path(__file__).parent.glob("bench_*.py")):
        module = importlib.import_module(path.stem)
        if hasattr(module, "races"):
            yield from module.races(size)


def why_not(device: str, all_races: Sequence[Race]) -> str | None:
    """Why the table can't be made on ``device``, or None."""
    if device.startswith("cuda") and not torch.cuda.is_available():
        return "no table: torch sees no CUDA device here"
    serving = kernels_report().operators
    raced = dict.fromkeys(race.operator for race in all_races)
    missing = [name for name in raced if device.split(":")[0] not in serving[name]]
    if missing:
        return f"no table: no native kernels for {device} of {', '.join(missing)}; build them first"
    return None


def measure(
    device: str,
    all_races: Sequence[Race],
    others: Sequence[Contestant] = (),
    *,
    tiny: bool,
    compiling: bool,
    rounds: int,
) -> tuple[list[Result], list[str]]:
    """Run every race on ``device``, printing as it goes; the results, and what failed and why."""
    results: list[Result] = []
    failures: list[str] = []
    sizes, elements = ((64,), 1 << 12) if tiny else ((4096, 8192), 1 << 28)
    before = torch.get_default_device()
    torch.set_default_device(device)
    try:
        for race in all_races:
            done = len(results)
            theirs = [other for other in others if other.operator == race.operator]
            for contender in [*race.contenders, *theirs]:
                name = getattr(contender, "label", contender)
                if "torch.compile" in name and not compiling:
                    continue
                try:
                    entry = Entry(race, contender)
                    errors = entry.errors()
                    entry.run()
                    allocated = _allocated(device)
                    entry.run()
                    memory = _peak(device) - allocated
                    seconds = best_time(entry.run, rounds)
                    floor = entry.floor(sizes, elements)
                except (RuntimeError, AssertionError, KernelUnavailableError) as error:
                    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                    failures.append(f"{race.title}: {name}: {reason}")
                    print(failures[-1], flush=True)
                    continue
                results.append(
                    Result(race.title, name, seconds, memory, entry.target, *floor, *errors)
                )
            for line in lines(results[done:]):
                print(line, flush=True)
    finally:
        torch.set_default_device(before)
    return results, failures


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
    parser.add_argument(
        "--rounds", type=int, default=20, help="calls per contender; the best counts"
    )
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument(
        "--contestant", action="append", default=[], metavar="[OPERATOR=]MODULE:FUNCTION",
        help="let a function with the operator's signature race too; repeatable",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    all_races = list(races("tiny" if options.tiny else "gpu"))
    reason = why_not(options.device, all_races)
    if reason is not None:
        print(reason)
        return 0
    cuda = options.device.startswith("cuda")
    name = torch.cuda.get_device_name(options.device) if cuda else "the CPU"
    print(f"{name}, torch {torch.__version__}; best of {options.rounds} calls of each contender")
    results, failures = measure(
        options.device,
        all_races,
        contestants(options.contestant),
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
