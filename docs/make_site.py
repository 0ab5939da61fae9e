"""What the site of ``mkdocs.yml`` changes in the pages and docstrings.

The README is the home page, links that lead out of ``docs/`` lead to the repository, and the roles of
docstrings (:class: and the like) become code.
"""

from __future__ import annotations

import json
import posixpath
import re
from pathlib import Path
from typing import Any

import griffe
from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]


def on_files(files: Any, config: Any) -> Any:
    """Add the README as the home page, and the notebooks."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"\]\(docs/", "](", re.sub(r"\]\((?!docs/|https?:|#)", "](../", text))
    files.append(File.generated(config, "index.md", content=text))
    for path in sorted((ROOT / "examples").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        page = "\n\n".join(_as_markdown(cell) for cell in cells)
        files.append(File.generated(config, f"examples/{path.stem}.md", content=page))
    return files


def _as_markdown(cell: dict[str, Any]) -> str:
    text = "".join(cell["source"])
    return text if cell["cell_type"] == "markdown" else f"```python\n{text}\n```"


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Point links at files of the repository that are no pages."""
    del files

    def target(found: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", page.file.src_uri, "..", found[1]))
        if path.startswith("docs/") and path.endswith(".md"):
            return found[0]
        return f"]({config.extra['repository']}/tree/main/{path})"

    return re.sub(r"\]\((?!https?:|#)([^)#\s]+)\)", target, markdown)


class Roles(griffe.Extension):
    """Write the roles of docstrings as code, and brackets of formulas side by side as brackets."""

    def on_instance(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change one docstring."""
        if obj.docstring:
            text = re.sub(r":\w+:`~?(?:[\w.]*\.)?([^`]*)`", r"`\1`", obj.docstring.value)
            # Markdown takes [x][y] for a link; a formula that is indented is code
            obj.docstring.value = re.sub(
                r"^(?!    )(.*\])(\[.*)$", r"\1\\\2", text, flags=re.MULTILINE
            )
