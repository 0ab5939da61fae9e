"""``topicforge plugins new``: a package with one complete component, to be changed."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template

from topicforge._version import __version__
from topicforge.contracts import KINDS
from topicforge.errors import OptionError, UnknownNameError, did_you_mean
from topicforge.registry import Registry
from topicforge.storage import write_folder

_PREFIX = "topicforge-"
#: template -> where it goes
_FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "test_contract.py": "tests/test_contract.py",
    "{kind}.py": "src/{module}/plugin.py",
}


def new_package(name: str, kind: str, parent: Path, registry: Registry) -> Path:
    """Write the folder of a package that registers one component; all of it, or nothing.

    Args:
        name: of the component, kebab-case, or of the package with ``topicforge-`` before it.
        kind: a kind of component.
        parent: where the folder ``topicforge-NAME`` is made.
        registry: a name of the same kind that it has is refused.

    Returns:
        The folder; the component is in ``src/topicforge_NAME/plugin.py``.

    Raises:
        UnknownNameError: no such kind.
        OptionError: the name is not kebab-case, a Python keyword, or taken.
        StorageError: the folder exists, or can't be written.
    """
    if kind not in KINDS:
        raise UnknownNameError(
            f"plugins new: there is no kind {kind!r}.{did_you_mean(kind, KINDS)} Kinds: "
            f"{', '.join(KINDS)}"
        )
    short = name.removeprefix(_PREFIX)
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", short) or keyword.iskeyword(short):
        raise OptionError(
            "plugins new: a name must be kebab-case (lower-case letters, digits, single hyphens) and "
            f"no keyword of Python, got {name!r}"
        )
    for spec in registry.specs(kind):
        if spec.name == short:
            raise OptionError(
                f"plugins new: {kind} {short!r} exists already, in {spec.distribution} "
                f"{spec.version}; take another name"
            )
    target = parent / (_PREFIX + short)
    words = "".join(word.capitalize() for word in short.split("-"))
    fields = {
        "name": short,
        "kind": kind,
        "distribution": target.name,
        "module": target.name.replace("-", "_"),
        "class_name": words.removesuffix(kind.capitalize()) + kind.capitalize(),
        "topicforge": ".".join(__version__.split(".")[:2]),
    }
    templates = files("topicforge.registry.scaffold") / "templates"
    with write_folder(target, None) as fresh:
        for template, place in _FILES.items():
            text = (templates / f"{template.format(kind=kind)}.txt").read_text("utf-8")
            path = fresh / place.format(**fields)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(text).substitute(fields), encoding="utf-8")
        (fresh / "src" / fields["module"] / "__init__.py").touch()
    return target
