"""Imports point one way: every import statement of every module, read with ast, against the rules."""

import ast
from pathlib import Path

import pytest

import topicforge

PACKAGE = Path(topicforge.__file__).resolve().parent
PLUGINS = PACKAGE.parent / "plugins"

BASE = {"errors", "options", "distributed", "ops", "distributions", "contracts", "dispatch"}
ROOM = {*BASE, "layers", "clusters"}
CORE = {"api", *BASE, "registry", "evaluation"}
WIRED = {*CORE, "composition", "network", "ranking"}
MODEL = {*WIRED, "training", "settings", "inputs", "theta_folder", "corpus", "evaluation"}
#: part of topicforge -> the parts that it may import; a new part needs a line
ALLOWED = {
    "errors": set(),
    "options": {"errors"},
    "api": set(),
    "distributed": {"errors"},
    "ops": {"errors"},
    "distributions": {"errors", "distributed", "ops"},
    "contracts": {"errors", "distributed", "ops", "distributions"},
    "dispatch": {"errors", "ops", "distributions", "contracts"},
    "layers": {"errors", "options", "distributed", "ops"},
    "clusters": {"errors", "contracts"},
    # the component rooms never import each other
    "encoders": ROOM,
    "links": ROOM,
    "priors": ROOM,
    "divergences": ROOM,
    "decoders": ROOM,
    "dynamics": ROOM,
    # a metric's contract stands beside the scores it returns, which rest on nothing else of ours
    "plugin": {"api", *ROOM, "evaluation"},
    "presets": {"errors"},
    # the built-in plugin stands where a third party's stands
    "builtin": {
        "plugin", "presets", "encoders", "links", "priors", "divergences", "decoders", "dynamics",
        "callbacks",
        "evaluation",
    },
    "callbacks": {"plugin", "errors", "contracts"},
    # the registry knows the built-ins by name only: no component room, not builtin
    "registry": {"api", *BASE, "evaluation"},
    "ranking": {"errors", "contracts"},
    "composition": CORE,
    "network": {*CORE, "composition"},
    "corpus": {"errors"},
    "evaluation": {"errors", "corpus"},
    "training": {*WIRED, "corpus"},
    "settings": {*WIRED, "training"},
    "inputs": {"errors", "corpus", "training"},
    "theta_folder": {"errors"},
    # the estimator opens folders and a folder builds an estimator: one room in two files
    "model": {*MODEL, "model_folder"},
    "model_folder": {*MODEL, "model"},
    "report": {*MODEL, "model", "model_folder"},
    "compare": {*MODEL, "model"},
    "search": {*MODEL, "model"},
    "scaffold": {"errors", "contracts", "registry"},
    "cli": {*MODEL, "compare", "search", "scaffold", "model", "model_folder", "report", "presets", "plugin"},
    "__main__": {"cli"},
    # for plugin authors: anything, and nothing imports it
    "testing": {*MODEL, "layers", "model", "model_folder", "plugin"},
}  # fmt: skip


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


def wrong_imports(part, file):
    allowed = {part, "__version__", *ALLOWED[part]}
    return [
        f"{file.name} imports {name}" for name in imported(file) if part_of(name) not in allowed
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
    assert part in ALLOWED, f"topicforge.{part} is new: say in this test what it may import"
    assert [wrong for file in PARTS[part] for wrong in wrong_imports(part, file)] == []


def test_the_package_itself_imports_nothing_at_run_time():
    """``import topicforge`` stays light: its names are imported for type checkers alone."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    top = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    modules = [getattr(node, "module", None) or node.names[0].name for node in top]
    assert set(modules) <= {"importlib", "typing", "__future__"}


def test_nothing_imports_testing():
    users = [
        str(file)
        for part, files in PARTS.items()
        if part != "testing"
        for file in files
        if any(part_of(name) == "testing" for name in imported(file))
    ]
    assert users == []


def test_the_rules_are_a_one_way_street():
    """Following ALLOWED upwards never leads back, but for the estimator and its folder."""
    seen = {}

    def above(part):
        if part not in seen:
            seen[part] = set()
            for other in ALLOWED.get(part, ()):
                if {part, other} != {"model", "model_folder"}:
                    seen[part] |= {other, *above(other)}
        return seen[part]

    assert [part for part in ALLOWED if part in above(part)] == []


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
        "    from topicforge.model import load\n"
        "from topicforgery import nothing\n"
        "import topicforge\n"
        "print(topicforge.__version__, topicforge.registry)\n"
    )
    parts = {part_of(name) for name in imported(file)}
    assert parts == {"ops", "errors", "model", "__version__", "registry"}
    assert wrong_imports("priors", file) == [
        "example.py imports topicforge.model",
        "example.py imports topicforge.registry",
    ]
