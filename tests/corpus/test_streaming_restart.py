"""A build that was killed goes on where it was, and ends with the same bytes."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from functools import partial

import pytest

from topicforge.corpus import Analyzer, build_corpus
from topicforge.corpus.streaming import build as pipeline
from topicforge.errors import StorageError
from topicforge.storage import workspace

# pass 1 and 2 stand still before a given piece, so that the kill finds them in the middle
SCRIPT = """
import sys, time
from pathlib import Path
from topicforge.corpus import build_corpus
from topicforge.corpus.streaming import build as pipeline

source, output, halt, at = sys.argv[1:]
real = getattr(pipeline, halt)

def halting(job):
    if job.number == int(at):
        Path(output + ".halted").touch()
        time.sleep(600)
    real(job)

setattr(pipeline, halt, halting)
build_corpus(source, output, shards={"documents": 10}, reading={"label_column": "label"})
"""


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.jsonl"
    rows = [
        {"text": f"word{'abc'[i % 3]}x shared{'xyz'[i % 2]} lone{chr(97 + i % 26)}", "label": i % 3}
        for i in range(60)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def files_of(folder):
    return {
        file.relative_to(folder).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def counted(monkeypatch):
    """Note which pieces are tokenised and which shards are written."""
    seen = {"count_piece": [], "map_shard": []}

    def noted(name, job, real):
        seen[name].append(job.number)
        real(job)

    for name in seen:
        monkeypatch.setattr(pipeline, name, partial(noted, name, real=getattr(pipeline, name)))
    return seen


@pytest.mark.parametrize(
    ("halt", "tokenised", "mapped"),
    [("count_piece", [3, 4, 5], [0, 1, 2, 3, 4, 5]), ("map_shard", [], [3, 4, 5])],
)
def test_killed_in_the_middle(table, tmp_path, monkeypatch, halt, tokenised, mapped):
    options = {"reading": {"label_column": "label"}, "shards": {"documents": 10}}
    build_corpus(table, output=tmp_path / "undisturbed", **options)
    process = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(table), str(tmp_path / "corpus"), halt, "3"]
    )
    while not (tmp_path / "corpus.halted").exists():
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "corpus").exists()
    seen = counted(monkeypatch)
    build_corpus(table, output=tmp_path / "corpus", **options)
    assert seen == {"count_piece": tokenised, "map_shard": mapped}
    assert files_of(tmp_path / "corpus") == files_of(tmp_path / "undisturbed")
    assert not (tmp_path / ".corpus-building").exists()


def test_workers_end_with_a_killed_parent(table, tmp_path):
    """A pipe that all of them hold closes only when the last is gone."""
    table.write_text(table.read_text() * 300)
    ours, theirs = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "topicforge", "corpus", "build", str(table), "-j", "2",
         "--shard-documents", "10", "--output", str(tmp_path / "corpus")],
        stdout=theirs, stderr=theirs,
    )  # fmt: skip
    os.close(theirs)
    pieces = tmp_path / ".corpus-building" / "pieces"
    while not pieces.is_dir() or sum(path.name.isdecimal() for path in pieces.iterdir()) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    while os.read(ours, 1 << 16):  # ends only when every worker closed its end
        pass
    os.close(ours)
    left = {path.name for path in pieces.iterdir() if path.name.isdecimal()}
    assert 3 <= len(left) < 1800
    build_corpus(table, output=tmp_path / "corpus", shards={"documents": 600})
    assert not (tmp_path / ".corpus-building").exists()


def stopped(table, tmp_path, monkeypatch, halt="map_shard", **options):
    """Run until the fourth job, as if the disk were full there."""
    real = getattr(pipeline, halt)

    def full(job):
        if job.number == 3:
            raise OSError(28, "No space left on device")
        real(job)

    with monkeypatch.context() as patch:
        patch.setattr(pipeline, halt, full)
        with pytest.raises(StorageError, match=r"make room.* the same command goes on with it"):
            build_corpus(table, output=tmp_path / "corpus", **options, shards={"documents": 10})


@pytest.mark.parametrize(
    ("changed", "tokenised"),
    [
        ({}, []),
        ({"pruning": {"max_features": 4}}, []),  # pass 1 does not depend on it
        ({"drop_empty": True}, []),
        ({"vectorizer": Analyzer("any", lowercase=False)}, [0, 1, 2, 3, 4, 5]),
        ({"shards": {"documents": 30}}, [0, 1]),
    ],
    ids=str,
)
def test_other_options_do_again_what_depends_on_them(
    table, tmp_path, monkeypatch, changed, tokenised
):
    options = {"shards": {"documents": 10}, **changed}
    stopped(table, tmp_path, monkeypatch)
    seen = counted(monkeypatch)
    build_corpus(table, output=tmp_path / "corpus", **options)
    assert seen["count_piece"] == tokenised
    build_corpus(table, output=tmp_path / "fresh", **options)
    assert files_of(tmp_path / "corpus") == files_of(tmp_path / "fresh")


def test_a_changed_source_starts_anew(table, tmp_path, monkeypatch):
    stopped(table, tmp_path, monkeypatch, "count_piece")
    table.write_text(table.read_text().replace("lone", "solo"))
    os.utime(table, ns=(1, 1))
    seen = counted(monkeypatch)
    built = build_corpus(table, output=tmp_path / "corpus", shards={"documents": 10})
    assert seen["count_piece"] == [0, 1, 2, 3, 4, 5]
    assert not any(word.startswith("lone") for word in built.vocabulary)


def test_a_shard_that_was_lost_is_written_again(table, tmp_path, monkeypatch):
    build_corpus(table, output=tmp_path / "fresh", shards={"documents": 10})
    stopped(table, tmp_path, monkeypatch)
    scratch = tmp_path / ".corpus-building"
    (scratch / "corpus" / "shards" / "00001-counts.npy").unlink()
    (scratch / "corpus" / "shards" / ".00002-counts.npy.01234567.part").write_text("half")
    (scratch / "corpus" / "corpus.json").write_text("{}")
    seen = counted(monkeypatch)
    build_corpus(table, output=tmp_path / "corpus", shards={"documents": 10})
    assert seen["map_shard"] == [1, 3, 4, 5]
    assert files_of(tmp_path / "corpus") == files_of(tmp_path / "fresh")


def test_two_builds_of_one_corpus(table, tmp_path):
    used = pytest.raises(StorageError, match=f"corpus: in use by process {os.getpid()} of")
    with workspace(tmp_path / ".corpus-building", tmp_path), used:
        build_corpus(table, output=tmp_path / "corpus", shards={"documents": 10})
