"""Wheels: what is in them, and what they say when no library could be built."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
# Compiles anything to an empty file; what it links needs glibc 2.34.
_COMPILER = """#!/bin/sh
case "$*" in *-shared*) text=GLIBC_2.34;; esac
while [ "$1" != -o ]; do shift; done
printf "$text" > "$2"; : > "$2.d"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what a wheel is made of."""
    target = tmp_path / "project"
    for name in ("topicforge", "csrc"):
        ignored = shutil.ignore_patterns("_native", "__pycache__")
        shutil.copytree(_ROOT / name, target / name, ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(_ROOT / name, target / name)
    compiler = tmp_path / "compiler"
    compiler.write_text(_COMPILER)
    compiler.chmod(0o755)
    return target


def wheel(project: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, "PYTHONPATH": "", "CUDA_HOME": "", **environment}
    return subprocess.run(
        [sys.executable, "setup.py", "-q", "bdist_wheel", "-d", "out", *options],
        cwd=project, env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip


def contents(project: Path) -> dict[str, bytes]:
    (path,) = (project / "out").glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_nothing_of_an_earlier_build_is_shipped(project: Path) -> None:
    first = wheel(project, TOPICFORGE_NATIVE="0")
    assert first.returncode == 0, first.stderr
    (built,) = (project / "build").glob("lib*/topicforge")
    (built / "deleted_since.py").write_text("")
    (built / "_csrc" / "deleted_since.cpp").write_text("")
    for folder in (built / "_native", project / "topicforge" / "_native"):
        folder.mkdir()
        (folder / "libtopicforge_cpu.so").write_text("of an earlier build")
    again = wheel(project, TOPICFORGE_NATIVE="0")
    assert again.returncode == 0, again.stderr
    names = contents(project)
    assert "topicforge/ops/__init__.py" in names
    assert "topicforge/_csrc/ops/mixture.cpp" in names
    assert not [name for name in names if "deleted_since" in name or "_native" in name]


def test_a_failing_compiler_leaves_its_reason_in_the_wheel(project: Path) -> None:
    # "pip install -q" shows none of what setup.py prints.
    result = wheel(project, CXX="false")
    assert result.returncode == 0, result.stderr
    record = json.loads(contents(project)["topicforge/_native/build_info.json"])
    assert record["failures"]["cpu"].startswith("kernels build: compiling or linking failed")
    assert "no library for cpu: kernels build: compiling" in result.stdout
    demanded = wheel(project, CXX="false", TOPICFORGE_NATIVE="1")
    assert demanded.returncode != 0


def test_a_tag_promises_no_older_glibc_than_the_library_needs(project: Path) -> None:
    compiler = str(project.parent / "compiler")
    result = wheel(project, "--plat-name", "manylinux_2_17_x86_64", CXX=compiler)
    assert result.returncode != 0
    assert (
        "the libraries need glibc 2.34, more than manylinux_2_17_x86_64 promises" in result.stderr
    )
    result = wheel(project, "--plat-name", "manylinux_2_34_x86_64", CXX=compiler)
    assert result.returncode == 0, result.stderr
    assert contents(project)["topicforge/_native/libtopicforge_cpu.so"] == b"GLIBC_2.34"
