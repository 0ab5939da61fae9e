"""The divergence tutorial is followed as its reader follows it."""

from pathlib import Path
from typing import Any

import pytest


@pytest.mark.slow
def test_its_commands_package_and_figures(tutorial: Any, tmp_path: Path) -> None:
    page = tutorial("write-a-divergence.md", "topicforge-renyi")
    page.run(tmp_path)
    assert page.files() == {"src/topicforge_renyi/plugin.py", "tests/test_plugin.py"}
