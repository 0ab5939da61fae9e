import ast
import subprocess
import sys
from pathlib import Path

import pytest

from topicforge.corpus import python_docs
from topicforge.corpus.docstrings import sentences
from topicforge.errors import CorpusError

NUMPYDOC = """
    Compute the median along an axis.

    Uses :func:`numpy.sort` and ``partition``; see `sort`_ for `the full story`.

    Parameters
    ----------
    a : array_like
        Input values to sort.
    axis, out : {int, sequence}, optional
        Axis of the medians.

    Returns
    -------
    median : ndarray
        The middle values.

    See Also
    --------
    mean : another centre

    Notes
    -----
    For an even count the two middle values are averaged, :math:`(a+b)/2`.

    .. versionadded:: 1.9
       With sugar.

    References
    ----------
    .. [1] A. Author, "A paper".

    Examples
    --------
    >>> median([1, 2])
    1.5
    """

GOOGLE = """Applies dropout to the input.

Args:
    input (Tensor): values before dropping
    p (float, optional): probability of zeroing. Default: 0.5

Example::

    >>> m = nn.Dropout()
    code_line()

Shape:
    - Input: anything

Trailing prose stays::

    gone()

:param x: the abscissa
:returns: the ordinate
"""


def test_numpydoc_by_hand():
    assert sentences(NUMPYDOC) == (
        "Compute the median along an axis.",
        "Uses and ; see for `the full story`.",
        "Input values to sort.",
        "Axis of the medians.",
        "The middle values.",
        "For an even count the two middle values are averaged, .",
    )


def test_google_and_sphinx_by_hand():
    assert " ".join(sentences(GOOGLE)) == (
        "Applies dropout to the input. values before dropping probability of zeroing. Default: 0.5 "
        "Trailing prose stays:: the abscissa the ordinate"
    )


def test_identifiers_are_no_words():
    text = "Call fit() or set_params, numpy.linalg.norm, camelCase, --flag, x=3, v2 and (n_samples,) now"
    assert sentences(text) == ("Call or and now",)


def test_doctests_end_at_a_blank_line():
    assert sentences("Before.\n\n>>> f(1)\nresult\n... more\n\nAfter.") == ("Before.", "After.")


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A package of its own in place of the standard library and the others."""

    def doc(colour):
        return (
            f'"""The {colour} heron stands in shallow water and waits for passing fish until '
            'evening falls over the quiet lake again."""\n'
        )

    files = {
        "stdlib/shelf.py": doc("grey"),
        "stdlib/birds/wader.py": f'class A:\n    {doc("white")}    def f(self):\n        """Short."""\n',
        "stdlib/birds/copy.py": doc("white"),
        "stdlib/test/wader.py": doc("test"),
        "pkg/sub/a.py": f"if True:\n    async def f():\n        {doc('night')}",
        "pkg/added.py": f'add_newdoc("m", "f", {doc("blue")})\n',
        "pkg/_private/a.py": doc("secret"),
        "pkg/broken.py": "def (",
        "pkg/latin.py": b"# -*- coding: utf-8 -*-\n'''\xff'''",
        "pkg/deep.py": "x = " + "(" * 500 + ")" * 500,
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    monkeypatch.setattr(
        python_docs,
        "_roots",
        lambda: [("python", tmp_path / "stdlib"), ("torch", tmp_path / "pkg")],
    )
    return tmp_path


@pytest.mark.usefixtures("library")
def test_what_is_read_and_how_it_is_labelled():
    read = list(python_docs.read_python_docs())
    assert [(text.split()[1], label) for text, label in read] == [
        ("white", "birds"), ("grey", "python"), ("blue", "torch"), ("night", "torch.sub"),
    ]  # fmt: skip


def test_sentences_of_more_than_three_docstrings_are_form(library):
    lines = [
        f'def f{i}():\n    """Read more in the guide. The {bird} {"likes deep reeds " * 7}most."""\n'
        for i, bird in enumerate(["heron", "stork", "crane", "egret"])
    ]
    (library / "stdlib" / "many.py").write_text("".join(lines))
    texts = [text for text, _ in python_docs.read_python_docs()]
    assert sum("likes deep reeds" in text for text in texts) == 4
    assert not any("guide" in text for text in texts)


def test_no_sources_at_all(tmp_path, monkeypatch):
    monkeypatch.setattr(python_docs, "_roots", lambda: [("python", tmp_path)])
    with pytest.raises(CorpusError, match="no docstrings"):
        list(python_docs.read_python_docs())


@pytest.mark.usefixtures("library")
def test_the_collector_is_left_as_it_was():
    import gc

    assert gc.isenabled()
    list(python_docs.read_python_docs())
    assert gc.isenabled()


def test_the_real_library_is_found_and_nothing_of_it_imported():
    # the smallest of the packages and the standard library's email; the whole takes seconds
    code = (
        "import sys\n"
        "from topicforge.corpus import python_docs as p\n"
        "before = set(sys.modules)\n"
        "roots = dict(p._roots())\n"
        "assert set(roots) == {'python', 'numpy', 'scipy', 'sklearn', 'torch'}, roots\n"
        "p._roots = lambda: [('python', roots['python'] / 'email'), ('numpy', roots['numpy'] / 'fft')]\n"
        "found = list(p.read_python_docs())\n"
        "assert found == list(p.read_python_docs())\n"
        "new = {m.partition('.')[0] for m in set(sys.modules) - before}\n"
        "assert not new & {'torch', 'email', 'numpy'}, new\n"
        "text = ' '.join(text for text, _ in found)\n"
        "assert 'Fourier' in text and 'header' in text\n"
        "assert '>>>' not in text and '``' not in text\n"
        "print(len(found))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 80


def test_documentation_words_are_words():
    assert all(word.isalpha() and word.islower() for word in python_docs.DOCUMENTATION_WORDS)
    tree = ast.parse(Path(python_docs.__file__).read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
