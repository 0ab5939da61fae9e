"""Writes docs/plugins/reference.md from the docstrings: ``python docs/plugins/make_reference.py``."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import topicforge.plugin as public
from topicforge.registry.kinds import KINDS, KindEntry

PAGE = Path(__file__).with_name("reference.md")
HEAD = """# Reference

What a plugin registers and what it imports. `python docs/plugins/make_reference.py` writes this page from the
docstrings, and a test compares it with them.

A plugin is a module named by an entry point of the group `topicforge`:

```toml
[project.entry-points.topicforge]
my-plugin = "my_package.my_module"
```

It states `TOPICFORGE_API = 1` and has one function, which topicforge calls once in each process:

```python
from topicforge.plugin import hookimpl


@hookimpl
def topicforge_register(register):
    register.prior("wide", WidePrior, summary="N(0, 9 I)", source="this page")
```

`topicforge plugins new NAME --kind KIND` writes a whole package with an example of that kind.

"""


def _line(doc: str | None) -> str:
    """The first paragraph on one line, as Markdown: roles and double backticks become code."""
    text = " ".join((doc or "").strip().split("\n\n")[0].split())
    text = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")


def _signature(what: Any) -> str:
    text = str(inspect.signature(what) if callable(what) else what)
    # annotations are strings, whose quotes say nothing
    text = re.sub(r"(: |-> )(['\"])(.*?)\2(?=[,) =]|$)", r"\1\3", text)
    text = re.sub(r"(topicforge|torch|collections|typing)(\.\w+)*\.(\w+)", r"\3", text)
    return text.replace("(self, ", "(").replace("(self)", "()")


def _arguments(*classes: type[Any]) -> list[tuple[str, str]]:
    """(name, meaning) from the ``Args:`` of docstrings."""
    found = []
    for one in classes:
        block = (inspect.getdoc(one) or "").partition("Args:\n")[2].split("\n\n")[0]
        for entry in re.split(r"\n(?=    \w)", block):
            name, _, meaning = entry.strip().partition(": ")
            found.append((name, _line(meaning)))
    return found


def _fields(entry: KindEntry) -> str:
    documented = dict(_arguments(*reversed(entry.spec.__mro__[:-1])))
    return "\n".join(f"- `{name}`: {documented[name]}" for name in entry.signature.parameters)


def _components() -> str:
    bases = {kind: entry.base for kind, entry in KINDS.items() if entry.base}
    rows = [
        f"- `register.{kind}`, of `{b.__name__}`: {_line(b.__doc__)}" for kind, b in bases.items()
    ]
    listed = "\n".join(rows)
    entry = KINDS["prior"]
    return f"### Components\n\n{listed}\n\nEach takes `{_signature(entry.signature)}`:\n\n{_fields(entry)}\n"


def _kind(kind: str) -> str:
    entry = KINDS[kind]
    heading = f"### register.{kind}\n\n`register.{kind}{_signature(entry.signature)}`"
    return f"{heading}\n\n{_line(entry.spec.__doc__)}\n\n{_fields(entry)}\n"


def _name(name: str) -> str:
    what = getattr(public, name)
    if isinstance(what, ModuleType):
        listed = ", ".join(f"`{name}`" for name in _functions(what))
        return f"- **`{name}`**: {_line(what.__doc__)} It has {listed}."
    if not inspect.isclass(what) and not inspect.isfunction(what):
        about = "the number of the contract" if name == "API_VERSION" else "marks the hook"
        return f"- **`{name}`**: {about}."
    if not inspect.isclass(what):
        return f"- **`{name}{_signature(what)}`**: {_line(what.__doc__)}"
    methods = [
        f"  - `{m}{_signature(f)}`: {_line(f.__doc__)}"
        for m, f in vars(what).items()
        if inspect.isfunction(f) and not m.startswith("_") and f.__doc__
    ]
    signature = "" if issubclass(what, Exception) else _signature(what)
    return "\n".join([f"- **`{name}{signature}`**: {_line(what.__doc__)}", *methods])


def _functions(module: ModuleType) -> list[str]:
    listed = getattr(module, "__all__", None) or [
        name
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and name[0] != "_"
    ]
    return sorted(listed)


def page() -> str:
    """Return the whole page."""
    others = [_kind(kind) for kind, entry in KINDS.items() if not entry.base]
    kinds = "\n".join([_components(), *others])
    names = "\n".join(_name(name) for name in sorted(public.__all__, key=str.lower))
    return (
        f"{HEAD}## What a plugin registers\n\n{kinds}\n## Names in topicforge.plugin\n\n{names}\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
