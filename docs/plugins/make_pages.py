"""Writes the pages made of docstrings: ``python docs/plugins/make_pages.py``.

They are reference.md, and the list of checks at the end of conformance.md.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import topicforge.plugin as public
from topicforge.registry.kinds import KINDS, KindEntry
from topicforge.registry.options import arguments
from topicforge.testing import all_checks, kinds_of

FOLDER = Path(__file__).parent
#: the list of checks begins below this line of conformance.md
START = "<!-- checks: written by make_pages.py -->\n"
HEAD = """# Reference

What a plugin registers and what it imports. `python docs/plugins/make_pages.py` writes this page from the
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


def _fields(entry: KindEntry) -> str:
    documented = arguments(*reversed(entry.spec.__mro__[:-1]))
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
        return f"- **`{name}`**: marks the function topicforge_register."
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


def reference() -> str:
    """Return the whole of reference.md."""
    others = [_kind(kind) for kind, entry in KINDS.items() if not entry.base]
    kinds = "\n".join([_components(), *others])
    names = "\n".join(_name(name) for name in sorted(public.__all__, key=str.lower))
    return (
        f"{HEAD}## What a plugin registers\n\n{kinds}\n## Names in topicforge.plugin\n\n{names}\n"
    )


def conformance() -> str:
    """Return conformance.md with every check, its kinds and its clause."""
    head = (FOLDER / "conformance.md").read_text(encoding="utf-8").partition(START)[0]
    parts = []
    for check in all_checks():
        clause = (inspect.getdoc(check) or "").replace("``", "`")
        parts.append(f"### {check.__name__}\n\nFor: {', '.join(kinds_of(check))}.\n\n{clause}\n")
    return head + START + "\n".join(parts)


def pages() -> dict[Path, str]:
    """Return file -> what it must hold."""
    return {
        FOLDER / "reference.md": reference(),
        FOLDER / "conformance.md": conformance(),
    }


if __name__ == "__main__":
    for file, text in pages().items():
        file.write_text(text, encoding="utf-8")
