import gzip
import json
import sys

import pytest

from topicforge.corpus import read_texts
from topicforge.corpus.formats import reader_of
from topicforge.errors import CorpusError, MissingExtraError, OptionError


def read(path, **options):
    return list(read_texts(path, options))


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


# ---- one document per line -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    ["one\n\nthree", "one\n\nthree\n", "one\r\n\r\nthree\r\n", "\ufeffone\n\nthree"],
)
def test_lines(tmp_path, content):
    path = write(tmp_path / "a.txt", content)
    assert read(path) == [("one", None), ("", None), ("three", None)]


def test_lines_end_at_line_feeds_only(tmp_path):
    assert len(read(write(tmp_path / "a.txt", "one\u2028still\x85one\x0cone\n"))) == 1


def test_gz_and_other_encodings(tmp_path):
    path = write(tmp_path / "a.txt.gz", gzip.compress("地质\n构造".encode("gb18030")))
    assert read(path, encoding="gb18030") == [("地质", None), ("构造", None)]


def test_wrong_encoding_says_where_and_what_to_do(tmp_path):
    path = write(tmp_path / "a.txt", b"fine\ncaf\xe9\n")
    with pytest.raises(CorpusError, match=r"a\.txt: not utf-8 near line .*latin-1"):
        read(path)
    assert read(path, encoding="latin-1")[1] == ("café", None)
    with pytest.raises(CorpusError, match="no encoding that Python knows"):
        read(path, encoding="utf-9")


def test_truncated_gz(tmp_path):
    whole = gzip.compress(b"a line of text\n" * 1000)
    with pytest.raises(CorpusError, match="truncated"):
        read(write(tmp_path / "a.txt.gz", whole[:-9]))
    with pytest.raises(CorpusError, match="damaged"):
        read(write(tmp_path / "b.txt.gz", b"no gzip at all"))


# ---- one document per file -------------------------------------------------------------------------


def test_a_folder_without_subfolders(tmp_path):
    write(tmp_path / "b.txt", "two\nlines")
    write(tmp_path / "a", "one")
    write(tmp_path / ".hidden", b"\xff")
    assert read(tmp_path) == [("one", None), ("two\nlines", None)]


def test_subfolders_are_labels(tmp_path):
    write(tmp_path / "sport" / "2.txt", "goal")
    write(tmp_path / "sport" / "1.txt", "score")
    write(tmp_path / "news" / "home" / "1.txt", "vote")
    write(tmp_path / ".git" / "x", b"\xff")
    assert read(tmp_path) == [("vote", "news/home"), ("score", "sport"), ("goal", "sport")]


def test_folders_that_are_no_corpus(tmp_path):
    with pytest.raises(CorpusError, match="at least one file"):
        read(tmp_path)
    write(tmp_path / "sport" / "1.txt", "goal")
    write(tmp_path / "README", "which label?")
    with pytest.raises(CorpusError, match="'README' does not"):
        read(tmp_path)
    write(tmp_path / "README", b"\xff")
    (tmp_path / "README").rename(tmp_path / "sport" / "0.txt")
    with pytest.raises(CorpusError, match=r"0\.txt: not utf-8"):
        read(tmp_path)


# ---- tables ------------------------------------------------------------------------------------


def table(tmp_path, kind, rows):
    path = tmp_path / f"a.{kind}"
    if kind == "jsonl":
        return write(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    if kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        pq.write_table(pa.Table.from_pylist(rows), path)
        return path
    import csv

    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="," if kind == "csv" else "\t")
        writer.writeheader()
        writer.writerows(rows)
    return path


ROWS = [
    {"id": "1", "body": 'a "quoted", text\nof\ttwo lines', "label": "x"},
    {"id": "2", "body": "", "label": "ü y"},
    {"id": "3", "body": "long " * 40_000, "label": "x"},
]
KINDS = ["csv", "tsv", "jsonl", "parquet"]


@pytest.mark.parametrize("kind", KINDS)
def test_tables(tmp_path, kind):
    path = table(tmp_path, kind, ROWS)
    assert read(path, text_column="body", label_column="label") == [
        (row["body"], row["label"]) for row in ROWS
    ]
    assert read(path, text_column="body") == [(row["body"], None) for row in ROWS]


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_column_when_it_is_not_named(tmp_path, kind):
    assert read(table(tmp_path, kind, [{"n": "1", "text": "one"}])) == [("one", None)]
    assert read(table(tmp_path, kind, [{"only": "one"}])) == [("one", None)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options",
    [{}, {"text_column": "bodi"}, {"text_column": "body", "label_column": "labl"}],
    ids=str,
)
def test_missing_columns_are_named_with_those_there_are(tmp_path, kind, options):
    with pytest.raises(CorpusError, match=r"is not there.*'id', 'body', 'label'"):
        read(table(tmp_path, kind, ROWS), **options)


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
def test_values_of_other_types(tmp_path, kind):
    rows = [
        {"text": "a", "label": 3, "none": None, "n": 1},
        {"text": None, "label": 4, "none": None, "n": 2},
    ]
    path = table(tmp_path, kind, rows)
    assert read(path, label_column="label") == [("a", "3"), ("", "4")]
    with pytest.raises(CorpusError, match="text must be a string or a list of words, got 1"):
        read(path, text_column="n")
    assert read(path, label_column="none") == [("a", None), ("", None)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("id,text\n1,a\n2\n", "line 3 must have 2 fields, got 1"),
        ("id,text\n1,a,b\n", "line 2 must have 2 fields, got 3"),
        ('id,text\n1,"never ends\n', "is not CSV"),
        ("text,text\na,b\n", "comes twice"),
        (b"id,text\n1,caf\xe9\n", "not utf-8"),
    ],
)
def test_broken_csv(tmp_path, content, says):
    with pytest.raises(CorpusError, match=says):
        read(write(tmp_path / "a.csv", content))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ('{"text": "cut of', "line 2 must be JSON, an object"),
        ("[1]", "line 2 must be a JSON object, got a list"),
        ('{"txt": "a"}', "Did you mean 'text'|is not there"),
        ("[" * 100_000, "line 2 must be JSON, an object"),
        ('{"text": ' + "9" * 5000 + "}", "line 2"),
    ],
    ids=["cut", "list", "key", "deep", "digits"],
)
def test_broken_json_lines(tmp_path, line, says):
    path = write(tmp_path / "a.jsonl", f'{{"text": "a", "x": 1}}\n{line}\n')
    with pytest.raises(CorpusError, match=says):
        read(path, text_column="text")


def test_broken_parquet(tmp_path):
    whole = table(tmp_path, "parquet", ROWS).read_bytes()
    for content in (b"", b"PAR1", whole[:-20], whole[20:]):
        with pytest.raises(CorpusError, match="damaged"):
            read(write(tmp_path / "b.parquet", content), text_column="body")


def test_parquet_without_pyarrow_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"topicforge\[parquet\]"):
        read(write(tmp_path / "a.parquet", b""), text_column="text")


# ---- what kind of file -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.txt", "lines"), ("A.TXT", "lines"), ("a.txt.gz", "lines"), ("a.b.csv", "csv"),
        ("a.jsonl.gz", "jsonl"), ("a.mtx.gz", "matrix-market"), ("docword.x.txt", "uci"),
        ("docword.x.txt.gz", "uci"), ("a.ldac", "lda-c"), ("a.svmlight", "svmlight"), ("a.npz", "npz"),
    ],
)  # fmt: skip
def test_the_name_says_it(tmp_path, name, kind):
    assert reader_of(write(tmp_path / name, "")).name == kind


def test_names_that_say_nothing(tmp_path):
    path = write(tmp_path / "a.xyz", "one\ntwo")
    with pytest.raises(CorpusError, match=r"must be one of \*\.txt"):
        reader_of(path)
    assert reader_of(path, "lines").name == "lines"
    with pytest.raises(OptionError, match="Did you mean 'lines'"):
        reader_of(path, "line")
    with pytest.raises(CorpusError, match="no such file"):
        reader_of(tmp_path / "nothing.txt")
    with pytest.raises(CorpusError, match="is a folder"):
        reader_of(tmp_path, "csv")
    with pytest.raises(CorpusError, match="unpack"):
        reader_of(write(tmp_path / "a.npz.gz", ""))


def test_columns_for_what_has_none(tmp_path):
    with pytest.raises(OptionError, match="label_column can't be given for format 'lines'"):
        read(write(tmp_path / "a.txt", "x"), label_column="label")
