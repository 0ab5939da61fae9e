"""The script that makes the GPU's table, tried on the CPU at small sizes."""

import json
from pathlib import Path

import on_gpu
import pytest
import torch
from races import Race, Setting
from torch import Tensor

from topicforge.ops import _library, kernels_report

native = pytest.mark.skipif(
    not _library.libraries()["cpu"].loaded, reason=_library.libraries()["cpu"].why
)


@pytest.mark.parametrize("device", [pytest.param("cpu", marks=native)])
def test_every_operator_is_raced(
    device: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "table.json"
    options = ["--device", device, "--tiny", "--without-compile", "--rounds", "1"]
    assert on_gpu.main([*options, "--json", str(path)]) == 0
    record = json.loads(path.read_text())
    assert record["failures"] == []
    natives = [r for r in record["results"] if r["contender"] == "native"]
    assert len(natives) == len(list(on_gpu.races("tiny")))
    raced = {race.operator for race in on_gpu.races("tiny")}
    # adam_rows has no gradient and a race of its own
    assert set(kernels_report().operators) == raced | {"adam_rows"}
    assert all(r["seconds"] > 0 for r in record["results"])
    assert all(r["floor"] > 0 for r in natives)
    assert "MMD, n = m = 32" in capsys.readouterr().out
    assert torch.get_default_device() == torch.device("cpu")


@pytest.mark.parametrize("device", [pytest.param("cpu", marks=native)])
def test_a_contender_that_fails_is_named_and_the_run_goes_on(
    device: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def too_large(_: Tensor) -> Tensor:
        raise torch.OutOfMemoryError("out of memory")

    functions = {"large": too_large, "native": torch.square}
    setting = Setting([torch.ones(3, requires_grad=True)], functions, lambda f: f)
    race = Race(
        "sparse_linear", "small race", {"large": None, "native": None}, lambda: setting, 0.1
    )
    monkeypatch.setattr(on_gpu, "races", lambda _: [race])
    assert on_gpu.main(["--device", device, "--tiny", "--rounds", "1"]) == 1
    said = capsys.readouterr().out
    assert "large: out of memory" in said
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
