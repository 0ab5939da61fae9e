"""Imports point one way: every import statement of every module, read with ast, against the rules."""

import ast
import re
import textwrap
from pathlib import Path

import pytest

import topicforge

PACKAGE = Path(topicforge.__file__).resolve().parent
PLUGINS = PACKAGE.parent / "plugins"

#: packages and root modules, from the foundations up: each may import those before it
CHAIN = (
    "_version", "errors", "storage", "ops", "distributed", "distributions", "contracts",
    "evaluation", "corpus", "parts", "plugin", "registry", "wiring", "training", "export", "results",
    "plot", "report", "estimator", "experiments", "serve", "cli", "__main__", "testing",
)  # fmt: skip
#: what a package may not import although it stands before it
FORBIDDEN = {
    # the registry knows the built-ins by name only, and the core no class of a part
    "corpus": {"ops", "distributed", "distributions", "contracts"},  # it needs no torch
    **{
        package: {"parts", "plugin"}
        for package in CHAIN[CHAIN.index("registry") : CHAIN.index("experiments")]
    },
    "plugin": {"_version", "storage"},
}
#: folders of parts: none imports another, all may import what is not in this list
KINDS = {"encoders", "links", "priors", "divergences", "decoders", "regularisers"}


def imported(file):
    """Dotted names that a file imports from topicforge, wherever the statement stands."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"), str(file))):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names if a.name.startswith("topicforge."))
        elif isinstance(node, ast.Attribute):
            # ``import topicforge`` alone loads nothing, what is then taken from it does
            if isinstance(node.value, ast.Name) and node.value.id == "topicforge":
                yield f"topicforge.{node.attr}"
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno}: imports are absolute here"
            if node.module == "topicforge":
                yield from (f"topicforge.{a.name}" for a in node.names)
            elif node.module and node.module.startswith("topicforge."):
                yield node.module


def package_of(dotted):
    return dotted.split(".")[1]


def allowed(package):
    return {package, *CHAIN[: CHAIN.index(package)]} - FORBIDDEN.get(package, set())


def wrong_imports(package, file):
    return [
        f"{file.name} imports {name}"
        for name in imported(file)
        if package_of(name) not in allowed(package)
    ]


def files_by_package():
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        name = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        found.setdefault(name, []).append(file)
    del found["__init__"]
    return found


FILES = files_by_package()


@pytest.mark.parametrize("package", FILES)
def test_a_package_imports_what_it_may(package):
    assert package in CHAIN, f"topicforge.{package} is new: give it a place in CHAIN"
    assert [wrong for file in FILES[package] for wrong in wrong_imports(package, file)] == []


def test_the_chain_and_the_map_in_contributing_name_exactly_what_exists():
    assert set(CHAIN) == set(FILES)
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    assert table == [name for name in CHAIN if not name.startswith("_")]
    assert "    " + "\n    ".join(textwrap.wrap(" ".join(CHAIN), 96)) in text


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_part_folders_do_not_import_each_other(kind):
    files = sorted((PACKAGE / "parts" / kind).rglob("*.py"))
    assert files
    wrong = [
        f"{file.name} imports {name}"
        for file in files
        for name in imported(file)
        if name.startswith("topicforge.parts.")
        and name.split(".")[2] in KINDS - {kind} | {"builtin", "presets"}
    ]
    assert wrong == []


def test_the_package_itself_imports_nothing_at_run_time():
    """``import topicforge`` stays light: its names are imported for type checkers alone."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = [getattr(node, "module", None) or node.names[0].name for node in top]
    assert set(modules) <= {"importlib", "typing", "__future__", "topicforge._version"}


def test_nothing_imports_testing():
    users = [
        str(file)
        for package, files in FILES.items()
        if package != "testing"
        for file in files
        if any(package_of(name) == "testing" for name in imported(file))
    ]
    assert users == []


def test_plugin_packages_import_the_public_modules_alone():
    """Their own tests use topicforge as a client would, and are left out."""
    allowed = {"topicforge.plugin", "topicforge.testing"}
    wrong = [
        f"{file.relative_to(PLUGINS)} imports {name}"
        for folder in sorted(PLUGINS.glob("*/"))
        for file in sorted(folder.rglob("*.py"))
        if not {"tests", "build", ".venv"} & set(file.relative_to(folder).parts)
        for name in imported(file)
        if ".".join(name.split(".")[:2]) not in allowed
    ]
    assert wrong == []


def test_the_reader_sees_every_form_of_import(tmp_path):
    file = tmp_path / "example.py"
    file.write_text(
        "import topicforge.ops.anything, os\n"
        "from topicforge import errors\n"
        "def later():\n"
        "    from topicforge.estimator.topic_model import load\n"
        "from topicforgery import nothing\n"
        "import topicforge\n"
        "print(topicforge.__version__, topicforge.registry)\n"
    )
    packages = {package_of(name) for name in imported(file)}
    assert packages == {"ops", "errors", "estimator", "__version__", "registry"}
    assert wrong_imports("contracts", file) == [
        "example.py imports topicforge.estimator.topic_model",
        "example.py imports topicforge.__version__",
        "example.py imports topicforge.registry",
    ]
