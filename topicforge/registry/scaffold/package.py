"""Names of a new package, and its files from the templates beside this file."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import get_args

from topicforge._version import __version__
from topicforge.contracts import Kind
from topicforge.errors import OptionError, UnknownNameError, did_you_mean
from topicforge.registry import Registry
from topicforge.storage import write_folder

KINDS: tuple[str, ...] = get_args(Kind)
_PREFIX = "topicforge-"
_KEBAB = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
#: template -> where it goes; ``KIND`` stands for the kind's own folder
_FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "ci.yml.txt": ".github/workflows/ci.yml",
    "init.py.txt": "src/{module}/__init__.py",
    "KIND/plugin.py.txt": "src/{module}/plugin.py",
    "test_contract.py.txt": "tests/test_contract.py",
    "KIND/test_plugin.py.txt": "tests/test_plugin.py",
}
_USE = {
    "callback": 'model = TopicModel(callbacks=["$name"])',
    "regulariser": 'model = TopicModel(regularisers=["$name"])',
    "divergence": 'model = TopicModel(encoder="mlp", prior="gaussian", divergence="$name")',
    "encoder": 'model = TopicModel(encoder="$name")',
    "link": 'model = TopicModel(encoder="mlp", link="$name")',
    "prior": 'model = TopicModel(prior="$name")',
    "decoder": 'model = TopicModel(decoder="$name")',
}


@dataclass(frozen=True)
class NewPackage:
    """The names of a package that brings one component.

    Args:
        name: of the component, kebab-case.
        kind: one of :data:`KINDS`.
    """

    name: str
    kind: str

    @classmethod
    def named(cls, name: str, kind: str, registry: Registry) -> NewPackage:
        """Check the names.

        Args:
            name: of the component, or of the package with ``topicforge-`` before it.
            kind: of the component.
            registry: what is there already; a name of the same kind is refused.

        Raises:
            UnknownNameError: no such kind.
            OptionError: the name is not kebab-case, a Python keyword, or taken.
        """
        if kind not in KINDS:
            raise UnknownNameError(
                f"plugins new: there is no kind {kind!r}.{did_you_mean(kind, KINDS)} "
                f"Kinds: {', '.join(KINDS)}"
            )
        short = name.removeprefix(_PREFIX)
        if not _KEBAB.fullmatch(short):
            raise OptionError(
                "plugins new: a name must be kebab-case (lower case letters, digits, single hyphens), "
                f"got {name!r}"
            )
        if keyword.iskeyword(short):
            raise OptionError(f"plugins new: {short!r} is a word of Python itself; take another")
        taken = next((s for s in registry.specs(kind) if s.name == short), None)
        if taken is not None:
            raise OptionError(
                f"plugins new: {kind} {short!r} exists already, in {taken.distribution} {taken.version}; "
                "take another name"
            )
        return cls(short, kind)

    @property
    def distribution(self) -> str:
        """``topicforge-NAME``: what pip installs."""
        return _PREFIX + self.name

    @property
    def module(self) -> str:
        """``topicforge_NAME``: what Python imports."""
        return self.distribution.replace("-", "_")

    @property
    def class_name(self) -> str:
        """``NameKind``, as in ``WideGaussianPrior``; the kind is not said twice."""
        words = "".join(word.capitalize() for word in self.name.split("-"))
        kind = self.kind.capitalize()
        return words if words.endswith(kind) else words + kind

    def fields(self) -> dict[str, str]:
        """Return what the templates are filled with."""
        article = "an" if self.kind[0] in "aeiou" else "a"
        return {
            "name": self.name,
            "kind": self.kind,
            "distribution": self.distribution,
            "module": self.module,
            "class_name": self.class_name,
            "article": article,
            "article_upper": article.capitalize(),
            "topicforge": ".".join(__version__.split(".")[:2]),
            "use": Template(_USE[self.kind]).substitute(name=self.name),
        }


def write_package(package: NewPackage, parent: Path) -> Path:
    """Write the package's folder and return its path; all of it, or nothing.

    Args:
        package: its names.
        parent: where the folder ``topicforge-NAME`` is made.

    Raises:
        StorageError: it exists, or can't be written.
    """
    target = parent / package.distribution
    fields = package.fields()
    templates = files("topicforge.registry.scaffold") / "templates"
    with write_folder(target, None) as fresh:
        for template, place in _FILES.items():
            text = (templates / template.replace("KIND", package.kind)).read_text("utf-8")
            path = fresh / place.format(module=package.module)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(text).substitute(fields), encoding="utf-8")
        (fresh / "src" / package.module / "py.typed").touch()
    return target
