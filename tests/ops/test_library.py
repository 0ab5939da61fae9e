"""Finding, refusing and describing the native libraries; the lightness of the import."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from op_checks import ready

from topicforge.errors import KernelUnavailableError, OptionError
from topicforge.ops import _build, _library, kernels_report

_ROOT = Path(__file__).resolve().parents[2]
native = pytest.mark.skipif(
    not _library.libraries()["cpu"].loaded, reason=_library.libraries()["cpu"].why
)

_SMALL = """
import torch
from topicforge.ops import diffusion_mmd
x = torch.log_softmax(torch.arange(12.0).reshape(4, 3).sin(), -1)
"""


def python(
    code: str, package: Path = _ROOT, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``code`` with the topicforge of folder ``package``; ``-P`` keeps the present one out."""
    variables = {**os.environ, "PYTHONPATH": str(package), "OMP_NUM_THREADS": "1", **environment}
    return subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", code],
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )


def test_importing_the_package_imports_no_torch() -> None:
    result = python("import sys, topicforge.ops; print('torch' in sys.modules)")
    assert result.stdout.strip() == "False", result.stderr


def test_front_doors_are_functions_whatever_was_imported_first() -> None:
    code = "import topicforge.ops._diffusion\nfrom topicforge.ops import diffusion_mmd\n"
    result = python(code + "print(callable(diffusion_mmd))")
    assert result.stdout.strip() == "True", result.stderr


def test_switched_off_means_reference() -> None:
    code = _SMALL + (
        "from topicforge.errors import KernelUnavailableError\n"
        "print(torch.equal(diffusion_mmd(x, x), diffusion_mmd(x, x, impl='reference')))\n"
        "try:\n    diffusion_mmd(x, x, impl='native')\n"
        "except KernelUnavailableError as error:\n    print(error)\n"
    )
    result = python(code, TOPICFORGE_NATIVE="0")
    assert result.returncode == 0, result.stderr
    first, second = result.stdout.strip().splitlines()
    assert first == "True"
    assert 'impl="native" was asked for, but TOPICFORGE_NATIVE=0' in second


def test_a_wrong_switch_is_an_error() -> None:
    result = python(_SMALL, TOPICFORGE_NATIVE="yes")
    assert result.returncode != 0
    assert "TOPICFORGE_NATIVE must be auto, 0 or 1, but is 'yes'" in result.stderr


def test_demanded_but_absent(tmp_path: Path) -> None:
    # A package without the libraries, as on a machine without a compiler.
    package = tmp_path / "topicforge"
    (package / "ops").mkdir(parents=True)
    source = _ROOT / "topicforge"
    for path in [*source.glob("*.py"), *source.glob("ops/**/*.py")]:
        target = package / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    demanded = python(_SMALL + "diffusion_mmd(x, x)", tmp_path, TOPICFORGE_NATIVE="1")
    assert "TOPICFORGE_NATIVE=1 was asked for, but there is no library at" in demanded.stderr
    assert "topicforge kernels build" in demanded.stderr
    left_alone = python(_SMALL + "print(float(diffusion_mmd(x, x)))", tmp_path)
    assert left_alone.returncode == 0, left_alone.stderr
    assert float(left_alone.stdout) == pytest.approx(
        float(python(_SMALL + "print(float(diffusion_mmd(x, x)))").stdout), abs=1e-6
    )
    (package / "_native").mkdir()
    (package / "_native" / "libtopicforge_cpu.so").write_bytes(b"not a library")
    broken = python(_SMALL + "diffusion_mmd(x, x, impl='native')", tmp_path)
    assert "does not load" in broken.stderr


@native
def test_report_says_what_is_in_use() -> None:
    report = kernels_report()
    assert report.libraries[0].loaded
    assert "cpu" in report.operators["diffusion_mmd"]
    text = str(report)
    assert "cpu: in use: loaded from" in text
    assert re.search(r"instruction set: (avx512|avx2|baseline)", text)
    assert "for torch >= 2.10" in text


@native
@pytest.mark.parametrize("name", _build.instruction_sets())
def test_every_instruction_set_gives_the_same_numbers(name: str) -> None:
    code = _SMALL + (
        "from topicforge.ops import _library, mixture_log_prob\n"
        "m = (x.sin(), x[:2], x[:2, :1], x[0, :2])\n"
        "print(_library.instruction_set())\n"
        "print(float(diffusion_mmd(x, x.flip(1), impl='native')))\n"
        "print(float(mixture_log_prob(*m, impl='native').sum()))\n"
        "print(float(diffusion_mmd(x, x.flip(1), impl='reference')))\n"
        "print(float(mixture_log_prob(*m, impl='reference').sum()))\n"
    )
    result = python(code, TOPICFORGE_CPU_SET=name)
    if f"not above {_library.instruction_set()}" in result.stderr:
        pytest.skip(f"this processor has no {name}")
    assert result.returncode == 0, result.stderr
    chosen, *numbers = result.stdout.split()
    assert chosen == name
    mmd, log_prob, expected_mmd, expected_log_prob = map(float, numbers)
    assert mmd == pytest.approx(expected_mmd, abs=1e-6)
    assert log_prob == pytest.approx(expected_log_prob, rel=1e-6)


@native
def test_an_unknown_instruction_set_is_an_error() -> None:
    result = python(_SMALL + "diffusion_mmd(x, x, impl='native')", TOPICFORGE_CPU_SET="sse9")
    assert "TOPICFORGE_CPU_SET must be baseline, avx2 or avx512" in result.stderr


@native
def test_build_record_lies_beside_the_library() -> None:
    record = json.loads((_library.FOLDER / _library.INFO_NAME).read_text())
    assert record["target"] == "2.10"
    assert "libtopicforge_cpu.so" in record["libraries"]


def test_unknown_impl_and_device() -> None:
    with pytest.raises(OptionError, match="impl must be one of"):
        _library.serves("diffusion_mmd", "fast", "cpu")
    assert not _library.serves("diffusion_mmd", "auto", "meta") or not ready("diffusion_mmd")
    with pytest.raises(KernelUnavailableError, match="native kernels for cpu and cuda"):
        _library.serves("diffusion_mmd", "native", "xpu")


def test_building_without_a_compiler_has_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(KernelUnavailableError, match="no C\\+\\+ compiler 'no-such-compiler'"):
        _build.build_kernels(tmp_path)


def test_a_failing_compiler_has_its_words_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = tmp_path / "fake-compiler"
    fake.write_text("#!/bin/sh\necho the sky is falling >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("CXX", str(fake))
    with pytest.raises(KernelUnavailableError, match="the sky is falling"):
        _build.build_kernels(tmp_path / "out")
    assert not (tmp_path / "out" / _library.INFO_NAME).exists()


def test_a_relative_target_is_taken_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # setuptools builds into "build/lib.../topicforge/_native"; ninja runs elsewhere.
    plans: list[list[str]] = []
    monkeypatch.setattr(_build, "_run_ninja", lambda lines, *_: plans.append(lines))
    monkeypatch.chdir(tmp_path)
    (library,) = _build.build_kernels(Path("some/where"), cuda=False)
    assert library == tmp_path.resolve() / "some" / "where" / "libtopicforge_cpu.so"
    assert any(line.startswith(f"build {library}: link") for line in plans[0])


def test_library_needs_no_python() -> None:
    path = _library.library_path("cpu")
    if not path.exists():
        pytest.skip("no library built")
    assert b"PyInit_" not in path.read_bytes()
    assert b"_ZN2at" not in path.read_bytes()  # no symbol of ATen: the stable ABI alone
    assert torch.ops.topicforge is not None
