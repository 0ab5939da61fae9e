"""Imports point one way: every import statement of every module, read with ast, against the rules."""

import ast
from pathlib import Path

import pytest

import topicforge

PACKAGE = Path(topicforge.__file__).resolve().parent
PLUGINS = PACKAGE.parent / "plugins"

#: rooms of the package, from the foundations up: each may import those that stand before it
CHAIN = (
    "_version", "errors", "storage", "ops", "distributed", "distributions", "contracts",
    "evaluation", "corpus", "parts", "plugin", "registry", "wiring", "training", "estimator",
    "experiments", "cli", "__main__", "testing",
)  # fmt: skip
#: what a room may not import although it stands before it
FORBIDDEN = {
    # the registry knows the built-ins by name only, and the core no class of a part
    **{room: {"parts", "plugin"} for room in ("registry", "wiring", "training", "estimator")},
    "corpus": {"ops", "distributed", "distributions", "contracts"},  # it needs no torch
    "plugin": {"_version", "storage"},
}
#: rooms inside parts: none imports another, all may import what is not in this list
PARTS_ROOMS = {"encoders", "links", "priors", "divergences", "decoders", "regularisers"}


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


def part_of(dotted):
    return dotted.split(".")[1]


def allowed(room):
    return {room, *CHAIN[: CHAIN.index(room)]} - FORBIDDEN.get(room, set())


def wrong_imports(room, file):
    return [
        f"{file.name} imports {name}"
        for name in imported(file)
        if part_of(name) not in allowed(room)
    ]


def parts():
    found = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        name = file.relative_to(PACKAGE).parts[0].removesuffix(".py")
        found.setdefault(name, []).append(file)
    return found


PARTS = parts()


@pytest.mark.parametrize("part", [part for part in PARTS if part != "__init__"])
def test_a_part_imports_what_it_may(part):
    assert part in CHAIN, f"topicforge.{part} is new: give it a place in CHAIN"
    assert [wrong for file in PARTS[part] for wrong in wrong_imports(part, file)] == []


def test_the_chain_names_no_room_that_is_not_there():
    assert set(CHAIN) - set(PARTS) == set()


@pytest.mark.parametrize("room", sorted(PARTS_ROOMS))
def test_part_folders_do_not_import_each_other(room):
    files = sorted((PACKAGE / "parts" / room).rglob("*.py"))
    assert files
    wrong = [
        f"{file.name} imports {name}"
        for file in files
        for name in imported(file)
        if name.startswith("topicforge.parts.")
        and name.split(".")[2] in PARTS_ROOMS - {room} | {"builtin", "presets"}
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
        for part, files in PARTS.items()
        if part != "testing"
        for file in files
        if any(part_of(name) == "testing" for name in imported(file))
    ]
    assert users == []


def test_plugin_packages_import_the_public_doors_alone():
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
        "import topicforge.ops.reference, os\n"
        "from topicforge import errors\n"
        "def later():\n"
        "    from topicforge.estimator.topic_model import load\n"
        "from topicforgery import nothing\n"
        "import topicforge\n"
        "print(topicforge.__version__, topicforge.registry)\n"
    )
    rooms = {part_of(name) for name in imported(file)}
    assert rooms == {"ops", "errors", "estimator", "__version__", "registry"}
    assert wrong_imports("contracts", file) == [
        "example.py imports topicforge.estimator.topic_model",
        "example.py imports topicforge.__version__",
        "example.py imports topicforge.registry",
    ]
