"""The package has no cycle of imports: .ci/structure counts them."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def figures(checkout: Path) -> dict[str, int]:
    printed = subprocess.run(
        [sys.executable, ROOT / ".ci" / "structure", checkout],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    rows = (line.split() for line in printed.splitlines())
    return {name: int(value.replace(",", "")) for name, value in rows}


def test_no_two_modules_or_packages_import_each_other():
    found = figures(ROOT)
    assert (found["cycles"], found["mutual"]) == (0, 0)
    # that the source was read at all
    assert found["imports"] > found["packages"] > found["root"] > 0


def test_cycles_are_seen_and_counted(tmp_path):
    files = {
        "plugin.py": '__all__ = ["a", "b"]\n',
        "low/one.py": "def later():\n    from topicforge.low import two\n",
        "low/two.py": "from topicforge.low.three import x\n",
        "low/three.py": "import topicforge.low.one\nimport topicforge.high.four\n",
        "high/four.py": "from topicforge.low import three\n",
        "high/five.py": "class TopicModel:\n    def __init__(self, a, /, b, *, c): ...\n",
    }
    for name, text in files.items():
        (tmp_path / "topicforge" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "topicforge" / name).write_text(text)
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    assert figures(tmp_path) == {
        "root": 1, "packages": 3, "imports": 2, "mutual": 1, "cycles": 1, "exports": 2, "parameters": 3,
        "lines": 9, "topicforge": 1, "topicforge/low": 5, "topicforge/high": 3,
    }  # fmt: skip
