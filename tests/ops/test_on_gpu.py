"""The script that makes the GPU's table, tried on the CPU at small sizes; the table's arithmetic."""

import json
from pathlib import Path
from typing import Any

import on_gpu
import pytest
import torch
from op_checks import ready
from table import Result, lines

from topicforge.ops import _library, kernels_report


def test_lines_hold_ratio_floor_and_verdict() -> None:
    results = [
        Result("race", "native", 2e-3, 3 << 20, floor=1e-3),
        Result("race", "slow", 9e-3, 0, target=4.0),
        Result("race", "quick", 3e-3, 0, target=2.0),
    ]
    text = list(lines(results))
    assert text[1] == "race"
    assert "2.000 ms" in text[3]
    assert "3 MiB" in text[3]
    assert "50%" in text[4]  # the floor's share of the time
    assert text[5].split()[-2:] == ["4.5", "4"]
    assert text[6].split()[-3:] == ["1.5", "2", "missed"]


@pytest.mark.parametrize("device", ready("mixture_log_prob")[:1])
def test_every_operator_is_raced(
    device: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "table.json"
    options = ["--device", device, "--tiny", "--without-compile", "--rounds", "1"]
    assert on_gpu.main([*options, "--json", str(path)]) == 0
    record = json.loads(path.read_text())
    assert record["failures"] == []
    natives = [r for r in record["results"] if r["contender"] == "native"]
    assert len(natives) == len(on_gpu.CASES)
    # One benchmark serves two operators, the bound and the responsibilities.
    # These run in the host's memory alone.
    on_cpu = {
        "adam_catch_up", "batch_norm_fold", "lazy_adam_rows", "topic_word_rows",
    }  # fmt: skip
    raced = set(kernels_report().operators) - on_cpu
    assert len({benchmark for benchmark, *_ in on_gpu.CASES}) == len(raced) - 1
    assert all(r["seconds"] > 0 for r in record["results"])
    assert natives[0]["floor"] > 0
    assert "MMD, n = m = 32" in capsys.readouterr().out
    assert torch.get_default_device() == torch.device("cpu")


@pytest.mark.parametrize("device", ready("mixture_log_prob")[:1])
def test_a_contender_that_fails_is_named_and_the_run_goes_on(
    device: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def bench(race: Any, contender: str) -> None:
        if contender == "large":
            raise torch.OutOfMemoryError("no room")
        race("small race", contender, lambda: [torch.ones(3)], lambda: None)

    monkeypatch.setattr(on_gpu, "CASES", [(bench, {}, {}, {"large": None, "native": None})])
    assert on_gpu.main(["--device", device, "--tiny", "--rounds", "1"]) == 1
    said = capsys.readouterr().out
    assert "large: no room" in said
    assert "small race" in said


def test_without_a_device_it_says_why(capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    assert on_gpu.main([]) == 0
    assert "no CUDA device" in capsys.readouterr().out


def test_without_kernels_it_says_which(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kernels_report()  # every operator has registered itself
    monkeypatch.setitem(_library._READY, "sparse_linear", ())
    assert on_gpu.main(["--device", "cpu"]) == 0
    assert "no native kernels for cpu of" in (said := capsys.readouterr().out)
    assert "sparse_linear" in said
