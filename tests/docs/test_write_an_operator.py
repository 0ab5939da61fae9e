"""The tutorial's files are written, compiled, installed and tested in the order of the page."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / "docs" / "plugins" / "write-an-operator.md"
BLOCK = re.compile(r'^```\w+ title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def files() -> dict[str, str]:
    return dict(BLOCK.findall(TUTORIAL.read_text(encoding="utf-8")))


def write(folder: Path) -> None:
    for name, text in files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def run(folder: Path, *command: str, site: Path) -> str:
    # without the switches that keep other packages out of this suite; the package's own site
    # first, and topicforge from where this test has it
    kept = {name: value for name, value in os.environ.items() if name[:10] != "TOPICFORGE"}
    environment = {**kept, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
    return done.stdout


def test_the_tutorial_has_a_whole_package():
    assert set(files()) == {
        "pyproject.toml",
        "setup.py",
        "csrc/rows.h",
        "csrc/library.cpp",
        "src/topicforge_energy/__init__.py",
        "src/topicforge_energy/plugin.py",
        "src/topicforge_energy/reference.py",
        "tests/test_energy.py",
    }


def test_every_block_of_code_is_a_file_or_a_command():
    text = TUTORIAL.read_text(encoding="utf-8")
    fences = re.findall(r"^```(\S.*)$", text, re.MULTILINE)
    assert len([fence for fence in fences if "title=" in fence]) == len(files())
    assert [fence for fence in fences if "title=" not in fence] == ["sh"]


@pytest.mark.slow
def test_it_builds_installs_and_passes_its_tests(tmp_path):
    compiler = shlex.split(os.environ.get("CXX", "c++"))[0]
    if shutil.which(compiler) is None:
        pytest.skip(f"the tutorial's C++ needs a compiler, and {compiler!r} is not on the PATH")
    pytest.importorskip("ninja", reason="torch builds extensions with ninja")
    folder, site = tmp_path / "package", tmp_path / "site"
    write(folder)
    pip = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    run(folder, *pip, "--no-build-isolation", "--target", str(site), ".", site=site)
    said = run(folder, "-m", "pytest", "-p", "no:cacheprovider", "-rs", "tests", site=site)
    assert re.search(r"\d+ passed", said)
    assert "skipped" not in said  # the operator was compiled, so its tests ran
    assert "energy" in run(folder, "-m", "topicforge", "plugins", site=site)
