"""docs/plugins/reference.md says what the hooks and the public names say of themselves now."""

import ast
import enum
import inspect
import re
from pathlib import Path
from textwrap import dedent
from typing import Any

import topicforge.plugin as public
from topicforge.registry import hookspecs
from topicforge.registry import register as registers
from topicforge.registry.hooks import HOOKS

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "plugins" / "reference.md"
HEAD = """# Reference

What a plugin may import and what it may implement. This page is made of the docstrings:
`python tests/docs/test_reference_page.py` writes it, and a test holds it to them.

A plugin is a module that an entry point of the group `topicforge` names. It says `TOPICFORGE_API = 1` and
implements any of the hooks below, each marked with `hookimpl`:

```toml
[project.entry-points.topicforge]
my-plugin = "my_package.my_module"
```

"""


def _first(doc: str | None) -> str:
    """The first paragraph on one line, as Markdown: roles and double backticks become code."""
    text = " ".join((doc or "").strip().split("\n\n")[0].split())
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")


def _signature(what: Any) -> str:
    text = str(inspect.signature(what))
    # annotations are strings, whose quotes say nothing
    text = re.sub(r"(: |-> )(['\"])(.*?)\2(?=[,) =]|$)", r"\1\3", text)
    return re.sub(r"(topicforge|torch|collections|typing)(\.\w+)*\.(\w+)", r"\3", text)


def _hook(name: str) -> str:
    function = getattr(hookspecs, name)
    meaning, _, example = (inspect.getdoc(function) or "").partition("Example::\n")
    kind = str(next(iter(inspect.signature(function).parameters.values())).annotation)
    register = getattr(registers, kind.strip("'\"").rpartition(".")[2])
    verbs = [
        f"- `register.{verb}{_signature(method).replace('(self, ', '(')}`: {_first(method.__doc__)}"
        for verb, method in vars(register).items()
        if inspect.isfunction(method) and not verb.startswith("_")
    ]
    paragraphs = "\n\n".join(_first(part) for part in meaning.strip().split("\n\n"))
    listed = "\n".join(verbs)
    return f"### {name}\n\n{paragraphs}\n\n{listed}\n\n```python\n{dedent(example).strip()}\n```\n"


def _name(name: str) -> str:
    what = getattr(public, name)
    if inspect.ismodule(what):
        inside = ", ".join(f"`{name}`" for name in _inside(what))
        return f"- **`{name}`**: {_first(what.__doc__)} It has {inside}."
    if not inspect.isclass(what) and not inspect.isfunction(what):
        about = "the number of the contract" if name == "API_VERSION" else "marks a hook"
        return f"- **`{name}`**: {about}."
    if not inspect.isclass(what):
        return f"- **`{name}{_signature(what)}`**: {_first(what.__doc__)}"
    methods = [
        f"  - `{m}{_signature(f)}`: {_first(f.__doc__)}"
        for m, f in vars(what).items()
        if inspect.isfunction(f) and not m.startswith("_") and f.__doc__
    ]
    plain = issubclass(what, Exception) or issubclass(what, enum.Enum)
    signature = "" if plain else _signature(what)
    return "\n".join([f"- **`{name}{signature}`**: {_first(what.__doc__)}", *methods])


def _inside(module: Any) -> list[str]:
    listed = getattr(module, "__all__", None)
    if listed is not None:
        return sorted(listed)
    return [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and not name.startswith("_")
        if value.__module__ == module.__name__
    ]


def page() -> str:
    """The whole page."""
    hooks = "\n".join(_hook(name) for name in HOOKS)
    names = "\n".join(_name(name) for name in sorted(public.__all__, key=str.lower))
    return f"{HEAD}## Hooks\n\n{hooks}\n## Names in topicforge.plugin\n\n{names}\n"


def test_the_page_is_current() -> None:
    """If not: python tests/docs/test_reference_page.py writes it."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_hook_has_a_heading_an_example_and_a_test() -> None:
    text = PAGE.read_text(encoding="utf-8")
    tested = (ROOT / "tests" / "registry" / "test_hooks.py").read_text(encoding="utf-8")
    (examples,) = (
        node.value
        for node in ast.parse(tested).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EXAMPLES"
    )
    for hook in HOOKS:
        section = text.partition(f"\n### {hook}\n")[2].partition("\n### ")[0]
        assert f"def {hook}(register):" in section, hook
        assert hook in ast.literal_eval(examples), hook


def test_every_public_name_is_there_and_says_something() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in public.__all__:
        found = re.search(rf"^- \*\*`{name}\b[^\n]*`\*\*: (.+)$", text, re.MULTILINE)
        assert found is not None, name
        assert len(found[1]) > 10, name


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
