"""Other parties' implementations in the races, and two runs side by side."""

import json
import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import on_gpu
import pytest
import races
import torch
from table import Result, differences, lines

from topicforge import ops
from topicforge.ops import _library

_ROOT = Path(__file__).resolve().parents[2]
native = pytest.mark.skipif(
    not _library.libraries()["cpu"].loaded, reason=_library.libraries()["cpu"].why
)
_MODULE = """
import torch
from topicforge.ops import diffusion_mmd as ours

def diffusion_mmd(log_q, log_p):
    return ours(log_q, log_p, impl="reference")

def wrong(log_q, log_p):
    return 1.01 * ours(log_q, log_p, impl="reference")

def no_gradient(log_q, log_p):
    return ours(log_q.detach(), log_p, impl="reference") + 0 * log_q[:0].sum()
"""


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "their_kernels.py").write_text(_MODULE)
    path = os.pathsep.join([str(folder), str(_ROOT)])
    variables = {**os.environ, "PYTHONPATH": path, "TOPICFORGE_BENCH_SECONDS": "0.01"}
    variables.pop("PYTEST_XDIST_WORKER", None)  # with it pytest-benchmark measures nothing
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "benchmarks/bench_diffusion.py"]
    return subprocess.run(
        [*command, "-k", "256 and their_kernels", *options],
        cwd=_ROOT, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip


@native
def test_a_contestant_races_with_value_gradient_memory_and_floor(tmp_path: Path) -> None:
    target = tmp_path / "run.json"
    result = run(
        tmp_path, "--contestant", "their_kernels:diffusion_mmd", f"--benchmark-json={target}"
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "  their_kernels:diffusion_mmd " in result.stdout
    (record,) = json.loads(target.read_text())["benchmarks"]
    assert record["name"] == "their_kernels:diffusion_mmd"
    info = record["extra_info"]
    assert info["operator"] == "diffusion_mmd"
    assert abs(info["memory"]) < 1 << 30  # of two counters of the system, a little apart
    assert info["floor"] > 0
    assert 0 < info["value_error"] < 2e-3
    assert 0 < info["gradient_error"] < 2e-3


@native
@pytest.mark.parametrize(
    ("function", "said"),
    [("wrong", "gradient 1 differs by 1.0e-02"), ("no_gradient", "gradient 1 differs by 1.0e+00")],
)
def test_a_contestant_that_computes_something_else_fails(
    tmp_path: Path, function: str, said: str
) -> None:
    result = run(tmp_path, "--contestant", f"diffusion_mmd=their_kernels:{function}")
    assert result.returncode == 1
    assert said in result.stdout


def test_a_contestant_without_a_function_is_a_usage_error(tmp_path: Path) -> None:
    result = run(tmp_path, "--contestant", "their_kernels")
    assert result.returncode == 2
    assert "--contestant takes [OPERATOR=]MODULE:FUNCTION, but got 'their_kernels'" in result.stdout


def test_installed_packages_name_contestants(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("sparse_linear", "math:sqrt", "topicforge.contestants")
    monkeypatch.setattr(
        races, "entry_points", lambda *, group: [point] if group == point.group else []
    )
    (found,) = races.contestants([])
    assert (found.operator, found.label) == ("sparse_linear", "math:sqrt")
    assert found.load()(4.0) == 2.0


@native
def test_every_race_has_a_native_contender_and_a_way_to_join() -> None:
    for race in on_gpu.races("tiny"):
        setting = race.make()
        assert next(iter(race.contenders)) == "native"
        assert set(race.contenders) <= set(setting.functions)
        # An implementation with the public signature gives what the native one gives.
        bound = setting.bind(getattr(ops, race.operator))
        assert torch.equal(bound(*setting.leaves), setting.functions["native"](*setting.leaves))


def test_two_runs_side_by_side(tmp_path: Path) -> None:
    def write(name: str, seconds: float, error: float) -> Path:
        record = {"group": "race", "name": "native", "stats": {"min": seconds}}
        record["extra_info"] = {"memory": 3 << 20, "value_error": error, "floor": 1e-3}
        path = tmp_path / name
        path.write_text(json.dumps({"benchmarks": [record]}))
        return path

    text = list(differences(write("a.json", 2e-3, 1e-7), write("b.json", 1e-3, 3e-7)))
    assert text[0] == "race: native"
    assert text[1].split() == ["time,", "ms", "2.000", "1.000"]
    assert text[2].split() == ["memory,", "MiB", "3", "3"]
    assert text[3].split() == ["value", "error", "1e-07", "3e-07"]
    assert text[4].split() == ["floor,", "ms", "1.000", "1.000"]


def test_lines_hold_ratio_errors_floor_and_verdict() -> None:
    results = [
        Result("race", "native", 2e-3, 3 << 20, floor=1e-3, value_error=0.0, gradient_error=0.0),
        Result("race", "slow", 9e-3, 0, target=4.0, value_error=1e-7, gradient_error=2e-6),
        Result("race", "quick", 3e-3, 0, target=2.0),
    ]
    text = list(lines(results))
    assert text[1] == "race"
    assert "2.000 ms" in text[3]
    assert "3 MiB" in text[3]
    assert text[4].split()[-4:] == ["4.5", "4", "1e-07", "2e-06"]
    assert text[5].endswith("  not reached")
    assert "50% of the native operator's time" in text[6]
