"""The decoder tutorial is followed as its reader follows it."""

from pathlib import Path
from typing import Any

import pytest


@pytest.mark.slow
def test_its_commands_package_and_figures(tutorial: Any, tmp_path: Path) -> None:
    page = tutorial("write-a-decoder.md", "topicforge-background")
    page.run(tmp_path)
    assert page.files() == {
        "src/topicforge_background/plugin.py",
        "tests/test_plugin.py",
    }
    metadata = (tmp_path / page.package / "pyproject.toml").read_text(encoding="utf-8")
    assert (
        '[project.entry-points.topicforge]\nbackground = "topicforge_background.plugin"' in metadata
    )
