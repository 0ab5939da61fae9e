"""Runs a tutorial as its reader would: files, commands and Python in the order of the page.

A fence with title="path" is a file of the package, a plain python fence goes on where the last
one ended, and in a console fence every line after a ``$`` command must occur in its output.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Tutorial:
    """A page of docs/plugins about a package ``topicforge-NAME``."""

    page: str
    package: str

    def blocks(self) -> list[tuple[str, str, str]]:
        text = (ROOT / "docs" / "plugins" / self.page).read_text(encoding="utf-8")
        return FENCE.findall(text)

    def files(self) -> set[str]:
        return {title for _, title, _ in self.blocks() if title}

    def run(self, folder: Path) -> str:
        """Follow the page in ``folder`` and return all that its commands and its Python said."""
        said, script = [], []
        for language, title, text in self.blocks():
            if title:
                path = folder / self.package / title
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            elif language == "console":
                said.extend(self._console(text, folder))
            elif language == "python":
                script.append(text)
            else:
                raise AssertionError(f"{self.page}: what is a block of {language!r} without title?")
        (folder / "page.py").write_text("\n".join(script), encoding="utf-8")
        said.append(_run(folder, "-W", "error", "page.py"))
        return "\n".join(said)

    def _console(self, text: str, folder: Path) -> list[str]:
        said: list[str] = []
        for line in text.splitlines():
            if line.startswith("$ "):
                said.append(_run(folder, *_command(line[2:], folder)))
            else:
                assert line in "".join(said[-1:]), f"{self.page}: {line!r} isn't in {said[-1:]}"
        return said


@pytest.fixture(scope="session")
def tutorial() -> type[Tutorial]:
    return Tutorial


def _command(line: str, folder: Path) -> list[str]:
    """The same in this Python; what is installed goes to a folder of the test's own."""
    words = shlex.split(line)
    if words[:2] == ["pip", "install"]:
        rest = [word for word in words[2:] if word != "-e"]
        return [
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--target",
            str(folder / "site"),
            *rest,
        ]
    if words[0] == "topicforge":
        return ["-m", *words]
    assert words[:3] == ["python", "-m", "pytest"], f"no way to run {line!r} here"
    return [*words[1:], "-p", "no:cacheprovider"]


def _run(folder: Path, *arguments: str) -> str:
    # without the switches that keep other packages out of this suite
    kept = {name: value for name, value in os.environ.items() if name[:10] != "TOPICFORGE"}
    path = os.pathsep.join([str(folder / "site"), str(ROOT)])
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": path, "COLUMNS": "200"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout[-6000:]}{done.stderr[-3000:]}"
    return done.stdout + done.stderr
