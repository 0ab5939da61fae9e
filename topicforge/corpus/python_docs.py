"""The library documentation that is already on this machine, as a corpus.

The docstrings of the Python standard library and of numpy, scipy, scikit-learn and torch, read from
their source files with :mod:`ast`: nothing is imported, downloaded or redistributed.
"""

from __future__ import annotations

import ast
import gc
import re
import sysconfig
import warnings
from collections import Counter
from collections.abc import Iterator
from importlib.machinery import PathFinder
from pathlib import Path

from topicforge.corpus.docstrings import sentences
from topicforge.corpus.reader import Document
from topicforge.errors import CorpusError

PACKAGES = ("numpy", "scipy", "sklearn", "torch")
MIN_WORDS = 20
MAX_REPEATS = 3
#: the vocabulary of documentation itself, whatever it is about
DOCUMENTATION_WORDS = frozenset(
    (
        "argument", "arguments", "available", "called", "caller", "calls", "computed",
        "contain", "containing", "contains", "corresponding", "current", "currently", "default",
        "defaults", "described", "details", "determine", "ensure", "equivalent", "etc",
        "example", "examples", "exception", "false", "following", "function", "functions",
        "given", "ignored", "implementation", "implemented", "indicates", "instance", "instead",
        "keyword", "kwargs", "like", "likely", "method", "methods", "none", "note", "object",
        "objects", "option", "optional", "optionally", "options", "parameter", "parameters",
        "pass", "passed", "passing", "possible", "provide", "provided", "provides", "raise",
        "raised", "raises", "read", "required", "respectively", "result", "results", "return",
        "returned", "returning", "returns", "set", "sets", "simply", "specific", "specified",
        "specifies", "specify", "specifying", "support", "supported", "supports", "true",
        "type", "types", "unless", "usage", "use", "used", "useful", "user", "uses", "using",
        "usually", "value", "values", "want", "wrapper", "yield",
    )
)  # fmt: skip
_STDLIB = "python"
# tests, copies of other packages, and tools that have left the library or never were in it
_SKIPPED = {
    "test", "tests", "testing", "idle_test", "site-packages", "dist-packages", "_vendor", "externals",
    "_lib", "lib2to3", "distutils", "ensurepip", "turtledemo", "pydoc_data", "__phello__",
    "conftest.py",
}  # fmt: skip
# torch's folders with a leading underscore hold its compiler; numpy's and scipy's, public functions
_PRIVATE_SKIPPED = ("torch",)
_WORD = re.compile(r"[^\W\d_]{2,}")


def read_python_docs() -> Iterator[Document]:
    """Yield distinct docstrings of 20 words and more after cleaning, each with its subpackage.

    A sentence that stands in more than three docstrings ("Read more in the User Guide.") is form and
    left out. The order is that of packages, files and lines. A package that is not installed is left out; the
    label of a module outside any subpackage is its package.

    Raises:
        CorpusError: no source file was found at all, as on a Python without its library's sources.
    """
    found = _collect()
    if not found:
        raise CorpusError(
            "python-docs: no docstrings were found; this Python keeps its library without source files"
        )
    # of distinct docstrings: one that is copied ten times makes none of its sentences form
    occurrences = Counter(
        sentence for said in {said for said, _ in found} for sentence in set(said)
    )
    seen: set[str] = set()
    for said, label in found:
        text = " ".join(sentence for sentence in said if occurrences[sentence] <= MAX_REPEATS)
        if len(_WORD.findall(text)) >= MIN_WORDS and text not in seen:
            seen.add(text)
            yield text, label


def _collect() -> list[tuple[tuple[str, ...], str]]:
    # The collector doubles the time: it walks millions of syntax nodes that reference counting
    # frees anyway, since they hold no cycles.
    enabled = gc.isenabled()
    gc.disable()
    try:
        return [
            (sentences(docstring), label)
            for package, root in _roots()
            for path in _files(root, package)
            for label in (_label(package, path.relative_to(root).parts),)
            for docstring in _docstrings(path)
            if len(docstring.split()) >= MIN_WORDS
        ]
    finally:
        if enabled:
            gc.enable()


def _label(package: str, inside: tuple[str, ...]) -> str:
    if len(inside) == 1:
        return package
    return inside[0] if package == _STDLIB else f"{package}.{inside[0]}"


def _roots() -> Iterator[tuple[str, Path]]:
    yield _STDLIB, Path(sysconfig.get_path("stdlib"))
    for package in PACKAGES:
        # PathFinder looks at sys.path only and, for a name without dots, imports nothing
        spec = PathFinder.find_spec(package)
        for location in (spec.submodule_search_locations or ()) if spec is not None else ():
            yield package, Path(location)


def _files(root: Path, package: str) -> list[Path]:
    found: list[Path] = []
    todo = [root]
    while todo:
        for entry in todo.pop().iterdir():
            if entry.name in _SKIPPED:
                continue
            if entry.is_dir() and not entry.is_symlink():
                if package not in _PRIVATE_SKIPPED or not entry.name.startswith("_"):
                    todo.append(entry)
            elif entry.suffix == ".py":
                found.append(entry)
    return sorted(found)


def _docstrings(path: Path) -> Iterator[str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's invalid escapes
            tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return  # templates and files in other encodings are no documentation
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            docstring = ast.get_docstring(node, clean=False)
            if docstring:
                yield docstring
            todo.extend(reversed(node.body))
        elif isinstance(node, (ast.If, ast.Try)):
            todo.extend(reversed([*node.body, *node.orelse]))
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield from _added(node.value)


def _added(call: ast.Call) -> Iterator[str]:
    """Docstrings of functions written in C: numpy's add_newdoc and torch's add_docstr."""
    name = getattr(call.func, "id", None) or getattr(call.func, "attr", None)
    if name not in ("add_newdoc", "add_docstr"):
        return
    for argument in call.args:
        for node in ast.walk(argument):  # also inside r"""...""".format(**common)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
