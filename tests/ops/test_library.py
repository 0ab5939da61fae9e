"""Finding, refusing and describing the native libraries; the lightness of the import."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from op_checks import ready

from topicforge.errors import KernelUnavailableError, OptionError
from topicforge.ops import _build, _library, _paths, kernels_report

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
    assert 'impl="native" needs the native operator, but TOPICFORGE_NATIVE is 0' in second


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
    assert (
        "TOPICFORGE_NATIVE=1 needs the native operator, but there is no library at"
        in demanded.stderr
    )
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
    path = _library.libraries()["cpu"].path
    record = _paths.read_build_info(path.parent)
    assert record["target"] == "2.10"
    assert record["sizes"][path.name] == path.stat().st_size


def test_unknown_impl_and_device() -> None:
    with pytest.raises(OptionError, match="impl must be one of"):
        _library.serves("diffusion_mmd", "fast", "cpu")
    assert not _library.serves("diffusion_mmd", "auto", "meta") or not ready("diffusion_mmd")
    with pytest.raises(KernelUnavailableError, match="native kernels for cpu and cuda"):
        _library.serves("diffusion_mmd", "native", "xpu")


def test_building_without_a_compiler_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(KernelUnavailableError, match="no C\\+\\+ compiler 'no-such-compiler'"):
        _build.build_kernels(tmp_path)


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, str]]:
    """The build files of a build in which nothing is compiled: every library is an empty file."""
    made: list[tuple[Path, str]] = []

    def run(lines: list[str], folder: Path, _: bool) -> None:
        made.append((folder, "\n".join(lines)))
        (last,) = [line for line in lines if line.startswith("build ") and ": link " in line]
        Path(last.split(": link ")[0].removeprefix("build ").replace("$ ", " ")).touch()

    monkeypatch.setattr(_build, "_run_ninja", run)
    for name in ("CXX", "CXXFLAGS", "LDFLAGS", "MAX_JOBS", "TORCH_CUDA_ARCH_LIST", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    return made


def fake_tool(path: Path, script: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_the_reason_of_a_failing_compiler_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = fake_tool(tmp_path / "fake-compiler", "echo the sky is falling >&2; exit 1")
    monkeypatch.setenv("CXX", str(fake))
    out = tmp_path / "out"
    with pytest.raises(KernelUnavailableError, match="the sky is falling"):
        _build.build_kernels(out)
    record = _paths.read_build_info(out)
    assert "the sky is falling" in record["failures"]["cpu"]
    # what the package says when it is used, where an installation under pip showed nothing
    why = _library._why_no_file(_paths.library_path("cpu", out), "cpu")
    assert why is not None
    assert why.startswith("its build failed: kernels build: compiling or linking failed")
    assert "the sky is falling" in why


def test_the_reason_of_a_failing_linker_is_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It compiles anything to an empty file, with a long command, and links nothing.
    fake = fake_tool(
        tmp_path / "fake-compiler",
        'case "$*" in *-shared*) echo "/usr/bin/ld: cannot find -lc10" >&2; exit 1;; esac\n'
        'while [ "$1" != -o ]; do shift; done; : > "$2"; : > "$2.d"',
    )
    monkeypatch.setenv("CXX", str(fake))
    monkeypatch.setenv("CXXFLAGS", " ".join(f"-DNAME_{i}" for i in range(2000)))
    with pytest.raises(KernelUnavailableError, match="cannot find -lc10") as caught:
        _build.build_kernels(tmp_path / "out", cuda=False, flags=["-DOTHER"])
    assert "NAME_1999" not in str(caught.value)


def test_an_empty_compiler_variable_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plans: list[tuple[Path, str]]
) -> None:
    monkeypatch.setenv("CXX", "")
    _build.build_kernels(tmp_path, cuda=False)
    assert "cxx = c++ " in plans[0][1]


def test_flags_jobs_and_architectures_come_from_the_usual_variables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plans: list[tuple[Path, str]]
) -> None:
    monkeypatch.setenv("CXXFLAGS", "-march=native '-DNAME=a b'")
    monkeypatch.setenv("LDFLAGS", "-Wl,--as-needed")
    monkeypatch.setenv("MAX_JOBS", "3")
    _build.build_kernels(tmp_path, cuda=False)
    text = plans[0][1]
    assert "-march=native '-DNAME=a b'\n" in text
    assert re.search(r"command = c\+\+ -shared -Wl,--as-needed \$in -o \$out", text)
    assert _build._ninja()[-2:] == ["-j", "3"]
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "8.6;9.0a+PTX")
    flags = " ".join(_build.nvcc_flags())
    assert re.findall(r"code=(\w+)", flags) == ["sm_86", "sm_90a", "compute_90a"]
    monkeypatch.setenv("TORCH_CUDA_ARCH_LIST", "Hopper")
    with pytest.raises(KernelUnavailableError, match=r"must list architectures .*'Hopper'"):
        _build.nvcc_flags()


def test_paths_with_spaces_reach_compiler_and_linkers_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plans: list[tuple[Path, str]]
) -> None:
    fake_tool(tmp_path / "a cuda" / "bin" / "nvcc", "exit 0")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "a cuda"))
    monkeypatch.setattr(torch, "__file__", str(tmp_path / "some torch" / "__init__.py"))
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    built = _build.build_kernels(tmp_path / "the target")
    assert [path.name for path in built] == ["libtopicforge_cpu.so", "libtopicforge_cuda.so"]
    cpu, cuda = (text for _, text in plans)
    for text in (cpu, cuda):
        assert f"'-L{tmp_path / 'some torch' / 'lib'}' -ltorch_cpu" in text
        assert f"'{tmp_path / 'some torch' / 'include'}'" in text
    assert f"command = '{tmp_path / 'a cuda' / 'bin' / 'nvcc'}' -shared -cudart static" in cuda
    assert f"build {str(built[1]).replace(' ', '$ ')}: link " in cuda


@pytest.mark.parametrize("demanded", [None, True])
def test_a_cuda_build_that_fails_leaves_the_cpu_library(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    plans: list[tuple[Path, str]],
    demanded: bool | None,
) -> None:
    assert plans == []
    fake_tool(tmp_path / "bin" / "nvcc", "exit 1")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path))
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    build = _build._run_ninja

    def fail(lines: list[str], folder: Path, verbose: bool) -> None:
        if folder.name == "cuda":
            raise KernelUnavailableError("nvcc: no such architecture")
        build(lines, folder, verbose)

    monkeypatch.setattr(_build, "_run_ninja", fail)
    out = tmp_path / "out"
    if demanded:
        with pytest.raises(KernelUnavailableError, match="no such architecture"):
            _build.build_kernels(out, cuda=True)
    else:
        assert _build.build_kernels(out) == [_paths.library_path("cpu", out)]
    record = _paths.read_build_info(out)
    assert list(record["sizes"]) == ["libtopicforge_cpu.so"]
    assert record["failures"] == {"cuda": "nvcc: no such architecture"}
    why = _library._why_no_file(_paths.library_path("cuda", out), "cuda")
    assert why is not None
    assert "its build failed: nvcc: no such architecture" in why


def test_a_relative_target_is_taken_from_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plans: list[tuple[Path, str]]
) -> None:
    # setuptools builds into "build/lib.../topicforge/_native"; ninja runs elsewhere.
    monkeypatch.chdir(tmp_path)
    (library,) = _build.build_kernels(Path("some/where"), cuda=False)
    assert library == tmp_path.resolve() / "some" / "where" / "libtopicforge_cpu.so"
    assert f"build {library}: link" in plans[0][1]


def test_libraries_are_read_and_built_in_a_folder_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "topicforge"
    package.mkdir(parents=True)
    monkeypatch.setattr(_paths, "_PACKAGE", package)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("TOPICFORGE_LIBRARY_FOLDER", raising=False)
    assert _paths.library_folder() == package / "_native"
    monkeypatch.setattr(os, "access", lambda path, _: package not in (path, *path.parents))
    own = _paths.library_folder()
    assert own.parent == tmp_path / "cache" / "topicforge"
    (package / "_native").mkdir()
    _paths.library_path("cpu", package / "_native").touch()  # installed with the package
    assert _paths.library_folder() == package / "_native"
    monkeypatch.setenv("TOPICFORGE_LIBRARY_FOLDER", str(tmp_path / "mine"))
    assert _paths.library_folder() == tmp_path / "mine"


@native
def test_another_library_folder_is_used_and_named(tmp_path: Path) -> None:
    path = _library.libraries()["cpu"].path
    for name in (path.name, "build_info.json"):
        (tmp_path / name).write_bytes((path.parent / name).read_bytes())
    code = _SMALL + (
        "from topicforge.ops import implementation\n"
        "diffusion_mmd(x, x, impl='native')\nprint(implementation())\n"
        "from topicforge.ops import _library\nprint(_library.libraries()['cpu'].path)\n"
    )
    result = python(code, TOPICFORGE_LIBRARY_FOLDER=str(tmp_path))
    line, used = result.stdout.strip().splitlines()
    assert re.fullmatch(r"operators: native \((avx512|avx2|baseline)\)", line)
    assert used == str(tmp_path / path.name)
    # Cut short, as by a full disk: an error with a reason, not the crash of the loader.
    (tmp_path / path.name).write_bytes(path.read_bytes()[:100_000])
    code = _SMALL + (
        "from topicforge.ops import implementation\n"
        "print(float(diffusion_mmd(x, x)))\nprint(implementation())\n"
    )
    result = python(code, TOPICFORGE_LIBRARY_FOLDER=str(tmp_path))
    assert result.returncode == 0, result.stderr
    assert "operators: plain PyTorch, because" in result.stdout
    assert f"has 100000 bytes where its build wrote {path.stat().st_size}" in result.stdout


def test_library_needs_no_python() -> None:
    path = _library.libraries()["cpu"].path
    if not path.exists():
        pytest.skip("no library built")
    assert b"PyInit_" not in path.read_bytes()
    assert b"_ZN2at" not in path.read_bytes()  # no symbol of ATen: the stable ABI alone
    assert torch.ops.topicforge is not None
