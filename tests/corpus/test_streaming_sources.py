"""Compressed texts, tables, several files; damaged ones; memory."""

import bz2
import gzip
import json
import tracemalloc

import numpy as np
import pytest

from topicforge.corpus import Analyzer, Corpus, build_corpus
from topicforge.corpus.lines import read_lines
from topicforge.errors import CorpusError, MissingExtraError

ROWS = [
    {"text": f"word{'abc'[i % 3]}x, shared{'xyz'[i % 2]}\nlone{chr(97 + i % 26)}", "label": f"l{i}"}
    for i in range(40)
]


def jsonl(rows):
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def csv(rows):
    return ("label,text\n" + "".join(f'{r["label"]},"{r["text"]}"\n' for r in rows)).encode()


def zstd(data):
    return pytest.importorskip("backports.zstd").compress(data)


def build(source, tmp_path, **options):
    return build_corpus(
        source,
        output=tmp_path / "corpus",
        reading={"label_column": "label"},
        shards={"documents": 7, **options},
    )


@pytest.fixture
def kept(tmp_path):
    (tmp_path / "kept.jsonl").write_bytes(jsonl(ROWS))
    return build_corpus(tmp_path / "kept.jsonl", reading={"label_column": "label"})


def assert_same(found, kept):
    assert found.vocabulary == kept.vocabulary
    assert found.labels == kept.labels
    assert (found.counts.to_scipy() != kept.counts.to_scipy()).nnz == 0


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd], ids=["", ".gz", ".zst"])
@pytest.mark.parametrize(("kind", "write"), [("jsonl", jsonl), ("csv", csv)])
def test_packed_tables(tmp_path, kept, kind, write, pack):
    ending = {bytes: "", gzip.compress: ".gz", zstd: ".zst"}[pack]
    path = tmp_path / f"t.{kind}{ending}"
    path.write_bytes(pack(write(ROWS)))
    assert_same(build(path, tmp_path), kept)
    assert_same(build_corpus(path, reading={"label_column": "label"}), kept)  # in memory, too


def write_parquet(path, rows):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    pq.write_table(pa.Table.from_pylist(rows), path, compression="zstd", row_group_size=9)


def test_parquet(tmp_path, kept):
    write_parquet(tmp_path / "t.parquet", ROWS)
    assert_same(build(tmp_path / "t.parquet", tmp_path), kept)


def test_several_files(tmp_path, kept):
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "a.jsonl").write_bytes(jsonl(ROWS[:11]))
    (parts / "b.jsonl.gz").write_bytes(gzip.compress(jsonl(ROWS[11:12])))
    (parts / "c.jsonl.zst").write_bytes(zstd(jsonl(ROWS[12:])))
    listed = [parts / name for name in ("a.jsonl", "b.jsonl.gz", "c.jsonl.zst")]
    for source in (parts, listed, str(parts / "*.jsonl*")):
        built = build(source, tmp_path)
        assert_same(built, kept)
        assert built.name == "parts"
        assert built.description["files"] == 3
        assert [shard.n_documents for shard in built.counts.shards] == [7, 7, 7, 7, 7, 5]
        assert_same(build_corpus(source, reading={"label_column": "label"}), kept)
    back = build(listed[::-1], tmp_path)  # a list keeps its order
    assert back.labels == tuple(row["label"] for row in [*ROWS[12:], ROWS[11], *ROWS[:11]])


def test_a_folder_of_lines_needs_to_be_told(tmp_path):
    (tmp_path / "parts").mkdir()
    for name in "ab":
        (tmp_path / "parts" / f"{name}.txt").write_text(f"one {name}{name}\ntwo {name}{name}\n")
    assert build_corpus(tmp_path / "parts").n_documents == 2
    assert build_corpus(tmp_path / "parts", reading={"format": "lines"}).n_documents == 4


@pytest.mark.parametrize(
    ("files", "source", "message"),
    [
        ({"a.csv": b"text\nx\n", "b.tsv": b"text\nx\n"}, "?.[ct]sv", "of one text format"),
        ({"a.npz": b"", "b.npz": b""}, "*.npz", "of one text format"),
        ({}, "none-*.csv", "no file fits"),
        ({"a.csv": b""}, "a.csv", "column names"),
        ({"a.parquet": b"PAR1"}, "a.parquet", r"a\.parquet.*damaged or truncated"),
        ({"a.parquet.zst": b""}, "a.parquet.zst", "unpack it first"),
        (
            {"a.jsonl.zst": bz2.compress(b"x")},
            "a.jsonl.zst",
            r"a\.jsonl\.zst.*Unable to decompress Zstandard",
        ),
        ({"a.jsonl.gz": b"plain"}, "a.jsonl.gz", r"a\.jsonl\.gz.*damaged"),
        ({"a.jsonl": b'{"text": "\\ud800 xx"}\n'}, "a.jsonl", "UTF-8"),
    ],
    ids=str,
)
def test_hostile_sources(tmp_path, files, source, message):
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(CorpusError, match=message):
        build_corpus(
            tmp_path / source,
            output=tmp_path / "c",
            vectorizer=Analyzer("any", token_pattern=r"\S+"),
            shards={"documents": 5},
        )
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize("pack", [gzip.compress, zstd], ids=["gz", "zst"])
def test_a_truncated_file_keeps_what_was_finished(tmp_path, pack):
    rng = np.random.default_rng(0)  # does not compress to almost nothing
    packed = pack(jsonl([{"text": f"text {rng.bytes(12).hex()}"} for _ in range(9000)]))
    ending = "gz" if pack is gzip.compress else "zst"
    path = tmp_path / f"t.jsonl.{ending}"
    path.write_bytes(packed[: len(packed) * 2 // 3])
    with pytest.raises(CorpusError, match=rf"t\.jsonl\.{ending}: can't be read to its end"):
        build_corpus(path, output=tmp_path / "corpus", shards={"documents": 300})
    pieces = tmp_path / ".corpus-building" / "pieces"
    assert len([p for p in pieces.iterdir() if p.name.isdecimal()]) >= 3


def test_a_bad_row_is_named_and_workers_end(tmp_path):
    (tmp_path / "good.jsonl").write_bytes(jsonl(ROWS))
    (tmp_path / "worse.jsonl").write_bytes(jsonl(ROWS[:5]) + b'{"text": 3, "label": "x"}\n')
    source = [tmp_path / "good.jsonl", tmp_path / "worse.jsonl"]
    with pytest.raises(CorpusError, match=r"worse\.jsonl: document 5: the text must be a string"):
        build(source, tmp_path, workers=2)
    pieces = tmp_path / ".corpus-building" / "pieces"
    assert sorted(p.name for p in pieces.iterdir()) == [f"{i:05d}" for i in range(6)]


def test_zstd_frames_one_after_the_other(tmp_path):
    path = tmp_path / "t.txt.zst"
    path.write_bytes(zstd(b"one\ntw") + zstd(b"") + zstd(b"o\n" + b"x" * 300_000 + b"\n"))
    assert [line[:3] for line in read_lines(path)] == ["one", "two", "xxx"]
    path.write_bytes(b"")
    assert list(read_lines(path)) == []
    path.write_bytes(zstd(b"one\n") + zstd(b"two\n")[:-3])
    with pytest.raises(CorpusError, match="EOFError"):
        list(read_lines(path))


def test_without_zstandard(tmp_path, monkeypatch):
    (tmp_path / "t.txt.zst").write_bytes(b"x")
    monkeypatch.setitem(__import__("sys").modules, "backports", None)
    with pytest.raises(MissingExtraError, match=r"topicforge\[zstd\]"):
        list(read_lines(tmp_path / "t.txt.zst"))


def peak_of(tmp_path, n):
    """Bytes that Python and numpy hold at most while n documents are read and written."""
    rng = np.random.default_rng(0)
    words = [f"w{a}{b}{c}" for a in "abcdefgh" for b in "abcdefgh" for c in "abcdefgh"]
    path = tmp_path / f"{n}.txt"
    with path.open("w") as file:
        for _ in range(n):
            file.write(" ".join(words[i] for i in rng.integers(0, len(words), 12)) + "\n")
    tracemalloc.start()
    try:
        built = build_corpus(path, output=tmp_path / f"c{n}", shards={"documents": 250})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert built.n_documents == n
    return peak


def test_memory_does_not_grow_with_the_documents(tmp_path, monkeypatch):
    """The slack: 40 bytes per document for lengths and notes; a text has 60, its counts 96 and more.

    4 and 32 pieces are merged 4 at a time here, not 64, so that both runs have as many files open.
    """
    monkeypatch.setattr("topicforge.corpus.streaming.merge.FAN", 4)
    peak_of(tmp_path, 250)  # what is loaded once
    few, many_more = peak_of(tmp_path, 1000), peak_of(tmp_path, 8000)
    assert many_more < few + 40 * 7000


def test_opened_corpus_is_the_one_on_disk(tmp_path):
    (tmp_path / "t.jsonl").write_bytes(jsonl(ROWS))
    built = build(tmp_path / "t.jsonl", tmp_path)
    assert_same(Corpus.open(tmp_path / "corpus", verify=True), built)
