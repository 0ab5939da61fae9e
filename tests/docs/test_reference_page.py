"""The pages made of docstrings are what docs/plugins/make_pages.py writes now."""

import importlib.util
import re
from pathlib import Path

import topicforge.plugin as public
from topicforge.registry.kinds import KINDS

TOOL = Path(__file__).resolve().parents[2] / "docs" / "plugins" / "make_pages.py"


def pages():
    spec = importlib.util.spec_from_file_location("make_pages", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


def test_the_pages_are_current():
    for file, text in pages().items():
        assert file.read_text(encoding="utf-8") == text, f"python {TOOL} writes {file}"


def test_every_kind_and_every_public_name_is_described():
    text = TOOL.with_name("reference.md").read_text(encoding="utf-8")
    for kind in KINDS:
        assert f"`register.{kind}" in text, kind
    for name in public.__all__:
        found = re.search(rf"^- \*\*`{name}\b[^\n]*`\*\*: (.+)$", text, re.MULTILINE)
        assert found is not None, name
        assert len(found[1]) > 10, name
