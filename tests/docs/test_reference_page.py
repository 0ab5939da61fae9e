"""docs/plugins/reference.md is what docs/plugins/make_reference.py writes now."""

import importlib.util
import re
from pathlib import Path

import topicforge.plugin as public
from topicforge.registry.kinds import KINDS

TOOL = Path(__file__).resolve().parents[2] / "docs" / "plugins" / "make_reference.py"


def tool():
    spec = importlib.util.spec_from_file_location("make_reference", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_current():
    made = tool()
    assert made.PAGE.read_text(encoding="utf-8") == made.page(), f"python {TOOL} writes it"


def test_every_kind_and_every_public_name_is_described():
    text = tool().PAGE.read_text(encoding="utf-8")
    for kind in KINDS:
        assert f"`register.{kind}" in text, kind
    for name in public.__all__:
        found = re.search(rf"^- \*\*`{name}\b[^\n]*`\*\*: (.+)$", text, re.MULTILINE)
        assert found is not None, name
        assert len(found[1]) > 10, name
