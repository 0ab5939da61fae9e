"""The library: what it stands on, and that its absence is told and not silent."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from topicforge.plugin import OptionError

import topicforge_scatter_mmd
from topicforge_scatter_mmd import NATIVE, WHY, divergence, imq_mmd, library, operator
from topicforge_scatter_mmd.divergence import ScatterMmdDivergence

PACKAGE = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(not NATIVE, reason=f"native operator: {WHY}")
def test_the_library_asks_for_no_python_and_no_torch_classes():
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("nm (binutils) lists a library's symbols")
    (path,) = Path(topicforge_scatter_mmd.__file__).parent.glob("_native.*.so")
    said = subprocess.run([nm, "-D", "--undefined-only", path], capture_output=True, text=True)
    names = [line.split()[-1] for line in said.stdout.splitlines()]
    assert any(name.startswith(("aoti_torch", "torch_")) for name in names)
    # _ZN2at, _ZN3c10 and _ZN5torch are C++ names of ATen, c10 and torch, which change by version
    unstable = [n for n in names if n.startswith(("Py", "_Py", "_ZN2at", "_ZN3c10", "_ZN5torch"))]
    assert unstable == []


def test_a_folder_without_a_library_says_why(tmp_path):
    assert library.load(tmp_path) == f"there is no library in {tmp_path}: nothing was built"
    (tmp_path / library.NOTE_NAME).write_text("no compiler\n")
    assert library.load(tmp_path) == f"there is no library in {tmp_path}: no compiler"


def test_a_library_that_does_not_load_says_why(tmp_path):
    (tmp_path / "_native.abi3.so").write_bytes(b"not a library")
    assert "_native.abi3.so does not load" in library.load(tmp_path)


def test_an_old_torch_is_named(tmp_path, monkeypatch):
    (tmp_path / "_native.abi3.so").write_bytes(b"")
    monkeypatch.setattr("torch.__version__", "2.9.1+cpu")
    assert library.load(tmp_path) == "the library needs torch >= 2.10, but torch is 2.9.1+cpu"


def test_without_a_library_the_reference_runs_and_explain_tells(monkeypatch, pair):
    import torch

    for module in (divergence, operator):
        monkeypatch.setattr(module, "NATIVE", False)
        monkeypatch.setattr(module, "WHY", "there was no compiler")
    x = torch.arange(6.0).view(3, 2)
    assert imq_mmd(x, x + 1, [1.0]) == imq_mmd(x, x + 1, [1.0], impl="reference")
    with pytest.raises(OptionError, match="there was no compiler"):
        imq_mmd(x, x, [1.0], impl="native")
    summary = ScatterMmdDivergence().resolve(pair()).summary
    assert "plain PyTorch, because there was no compiler" in summary
    with pytest.raises(OptionError, match="there was no compiler; install the package again"):
        ScatterMmdDivergence(impl="native")


@pytest.fixture
def checkout(tmp_path):
    """The sources without what was built, and a function that runs setup.py in them."""
    folder = tmp_path / "checkout"
    ignore = shutil.ignore_patterns("build", "*.so", "*.egg-info", "__pycache__", "*.txt")
    shutil.copytree(PACKAGE, folder, ignore=ignore)

    def build(**environment):
        command = [
            sys.executable,
            "setup.py",
            "-q",
            "build_ext",
            "--build-lib",
            str(tmp_path / "out"),
        ]
        return subprocess.run(
            command, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True
        )

    return folder, tmp_path / "out" / "topicforge_scatter_mmd", build


def test_no_compiler_no_library_but_a_note(checkout):
    folder, _, build = checkout
    done = build(CXX="/no/such/compiler")
    assert done.returncode == 0, done.stderr
    package = folder / "src" / "topicforge_scatter_mmd"
    note = (package / library.NOTE_NAME).read_text().strip()
    assert note == "no C++ compiler '/no/such/compiler' on the PATH at installation"
    assert f"native library not built, the reference will be used: {note}" in done.stdout
    assert library.load(package).endswith(note)


def test_a_compiler_that_fails_leaves_a_note(checkout):
    _, out, build = checkout
    done = build(CXX="false")  # the program that always fails
    assert done.returncode == 0, done.stderr
    assert (out / library.NOTE_NAME).read_text().startswith("compiling failed at installation")


def test_a_failure_is_an_error_where_the_library_is_demanded(checkout):
    _, _, build = checkout
    assert build(CXX="false", TOPICFORGE_SCATTER_MMD_NATIVE="1").returncode != 0


def test_the_switch_is_checked(checkout):
    _, _, build = checkout
    done = build(TOPICFORGE_SCATTER_MMD_NATIVE="yes")
    assert done.returncode != 0
    assert "must be auto, 0 or 1, but is 'yes'" in done.stderr
