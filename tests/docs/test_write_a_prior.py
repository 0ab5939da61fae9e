"""The prior tutorial is followed as its reader follows it."""

import ast
from pathlib import Path
from typing import Any

import pytest


@pytest.mark.slow
def test_its_commands_package_and_figures(tutorial: Any, tmp_path: Path) -> None:
    page = tutorial("write-a-prior.md", "topicforge-full-normal")
    page.run(tmp_path)
    assert page.files() == {"src/topicforge_full_normal/plugin.py", "tests/test_plugin.py"}


def test_the_module_has_under_60_lines_of_code(tutorial: Any) -> None:
    blocks = tutorial("write-a-prior.md", "topicforge-full-normal").blocks()
    (text,) = (text for _, title, text in blocks if title.endswith("plugin.py") and "src" in title)
    # lines that hold code: no blank ones, no docstrings
    tree = ast.parse(text)
    docstrings = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    lines = [n for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    assert len(set(lines) - docstrings) < 60
