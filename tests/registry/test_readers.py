"""Readers and named corpora of other packages, through the door of the built-in ones."""

import numpy as np
import pytest

from topicforge.cli import documents
from topicforge.cli.documents import find_source
from topicforge.corpus import CORPORA, READERS, Corpus, build_corpus
from topicforge.errors import CorpusError, OptionError, UnknownNameError

PACKAGE = """
import numpy as np

def read_stanzas(path, reading):
    stanza = []
    for line in read_lines(path, reading.encoding):
        if line == "--":
            yield stanza, "short" if len(stanza) < 3 else None
            stanza = []
        else:
            stanza += line.split()

def read_counts(path, reading):
    return CountTable(np.loadtxt(path, dtype=int), labels=["a", ""], vocabulary=["cat", "dog"])

def read_two():
    yield "cats purr", "cat"
    yield "dogs bark", "dog"

@hookimpl
def topicforge_register(register):
    register.reader("stanzas", read_stanzas, summary="stanzas", files=("*.poem",),
                    options=("encoding",))
    register.reader("plain-counts", read_counts, summary="numbers", files=("*.counts",),
                    gives="counts", in_parts=False)
    register.corpus("two", read_two, summary="two", defaults=lambda: {"vectorizer": "any"})
"""


@pytest.fixture
def registry(site, monkeypatch):
    site.add("topicforge-poems", PACKAGE)
    found = site.registry()
    monkeypatch.setattr(documents, "_registry", lambda: found)
    return found


def test_built_ins_come_the_same_way(registry):
    assert {s.name for s in registry.specs("reader")} == {*READERS, "stanzas", "plain-counts"}
    assert {s.name for s in registry.specs("corpus")} == {*CORPORA, "two"}
    assert registry.find("reader", "topicforge-poems:stanzas").version == "1.0"


def test_a_foreign_reader_of_texts(registry, tmp_path):
    path = tmp_path / "a.poem"
    path.write_text("tiger tiger\nburning bright\n--\nroses red\n--\n", encoding="utf-8")
    reader = registry.find("reader", "stanzas")
    corpus = build_corpus(path, reading={"format": reader})
    assert corpus.vocabulary == ("bright", "burning", "red", "roses", "tiger")
    assert corpus.counts.to_scipy().toarray().tolist() == [[1, 1, 0, 0, 2], [0, 0, 1, 1, 0]]
    assert corpus.labels == (None, "short")
    streamed = build_corpus(
        path, tmp_path / "c", reading={"format": reader}, shards={"documents": 1}
    )
    assert streamed.vocabulary == corpus.vocabulary
    with pytest.raises(OptionError, match="text_column can't be given for format 'stanzas'"):
        build_corpus(path, reading={"format": reader, "text_column": "x"})
    with pytest.raises(CorpusError, match="its name must be one of"):
        build_corpus(path)


def test_a_foreign_reader_of_counts_and_a_foreign_corpus(registry, tmp_path):
    (tmp_path / "a.counts").write_text("1 0\n2 3\n")
    corpus = build_corpus(
        tmp_path / "a.counts", reading={"format": registry.find("reader", "plain-counts")}
    )
    np.testing.assert_array_equal(corpus.counts.to_scipy().toarray(), [[1, 0], [2, 3]])
    assert (corpus.vocabulary, corpus.labels) == (("cat", "dog"), ("a", None))
    corpus = build_corpus(registry.find("corpus", "two"))
    assert (corpus.name, corpus.n_documents, corpus.labels) == ("two", 2, ("cat", "dog"))
    assert corpus.analyzer.language == "any"


@pytest.mark.usefixtures("registry")
def test_the_command_line_finds_them_by_name_and_ending(tmp_path):
    (tmp_path / "a.poem").write_text("tiger\n--\n")
    for found in (
        find_source([str(tmp_path / "a.poem")], None),
        find_source([str(tmp_path / "a.poem")], "topicforge-poems:stanzas"),
    ):
        assert found.reader.name == "stanzas"
        assert found.gives == "texts"
    assert find_source(["two"], None, as_paths=False).source.name == "two"
    with pytest.raises(UnknownNameError, match=r"no reader is called 'stanza'.*'stanzas'"):
        find_source([str(tmp_path / "a.poem")], "stanza")


@pytest.mark.usefixtures("registry")
def test_a_whole_build_by_the_command_line(tmp_path, capsys):
    from topicforge.cli import main

    with pytest.raises(SystemExit) as ended:
        main(["corpus", "build", "two", "-o", str(tmp_path / "c")])
    assert ended.value.code == 0, capsys.readouterr().err
    assert Corpus.open(tmp_path / "c").vocabulary == ("bark", "cats", "dogs", "purr")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('register.reader("x", read, summary="x", files=("*.X",))', "patterns in lower case"),
        ('register.reader("x", read, summary="x", options=("colour",))', "options must be"),
        ('register.reader("x", 3, summary="x")', "read must be a function"),
        ('register.reader("x", read, summary="x", gives="pictures")', "'texts' or 'counts'"),
        ('register.corpus("x", read, summary="")', "summary"),
        ('register.reader("csv", read, summary="x")', "name of a built-in"),
    ],
)
def test_records_that_break_the_contract(site, line, says):
    site.add(
        "topicforge-wrong",
        f"def read(*_): ...\n@hookimpl\ndef topicforge_register(register):\n    {line}\n",
    )
    record = site.record("topicforge-wrong")
    assert says in record.error
