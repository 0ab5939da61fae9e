"""Faulty files at every command that reads one: exit code and words.

docs/reliability.md shows EXPECTED as a table, and the last test holds the page to it.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest

from topicforge.corpus import Corpus

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="named pipes")
PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
LINES = ["qaa qab", "qaa qac"] * 3
PLAIN = "".join(f"{line}\n" for line in LINES)

FILES = {
    "missing": lambda _: None,
    "empty file": lambda path: path.write_bytes(b""),
    "empty folder": lambda path: path.mkdir(),
    "named pipe": lambda path: os.mkfifo(path),
    "bytes that are no text": lambda path: path.write_bytes(bytes(range(128, 256)) * 9),
    "text with a byte-order mark": lambda path: path.write_text(PLAIN, encoding="utf-8-sig"),
    "text with CRLF": lambda path: path.write_bytes(PLAIN.replace("\n", "\r\n").encode()),
}
NO_FILE, NO_TEXT = "1: there is no such file", "1: at least one"
NO_FOLDER, PIPE, BYTES = (
    "1: must hold at least one file",
    "1: is a pipe, socket or device",
    "1: not utf-8",
)
#: file -> what the commands say that read texts; the others want a folder of their own
EXPECTED = {
    "missing": [NO_FILE, NO_FILE, NO_FILE],
    "empty file": [NO_TEXT, NO_TEXT, "1: at least two words that occur in the texts, got 0"],
    "empty folder": [NO_FOLDER, NO_FOLDER, "1: must be a file, but is a folder"],
    "named pipe": [PIPE, PIPE, PIPE],
    "bytes that are no text": [BYTES, BYTES, BYTES],
    "text with a byte-order mark": ["0", "0", "0"],
    "text with CRLF": ["0", "0", "0"],
}
COMMANDS = (
    "corpus build",
    "transform",
    "evaluate --texts",
    "train",
    "topics",
    "evaluate --reference",
)
FOLDERS = {"train": "1: must be a corpus folder", "topics": "1: must be a model folder",
           "evaluate --reference": "1: must be a corpus folder"}  # fmt: skip


def arguments(command, path, model, topics, output):
    return {
        "corpus build": ("corpus", "build", path, "-o", output, "--min-df", 1),
        "transform": ("transform", model, path, "-o", output),
        "evaluate --texts": ("evaluate", "--topics", topics, "--texts", path, "--metric", "c_v"),
        "train": ("train", path, "-o", output),
        "topics": ("topics", path),
        "evaluate --reference": ("evaluate", "--topics", topics, "--reference", path),
    }[command]


def expected(name, command):
    known = dict(zip(COMMANDS[:3], EXPECTED[name], strict=True))
    return {**known, **FOLDERS}[command]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("command", COMMANDS)
def test_a_cell(run, model, tmp_path, name, command):
    path, topics = tmp_path / "in.txt", tmp_path / "topics"
    FILES[name](path)
    topics.write_text("qaa qab qac\n")
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(60)  # a pipe must not be waited for
    try:
        ran = run(*arguments(command, path, model, topics, tmp_path / "out"))
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    code, _, words = expected(name, command).partition(": ")
    assert ran.code == int(code), ran.err
    if words:
        assert words in ran.error
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["text with a byte-order mark", "text with CRLF"])
def test_marks_of_other_systems_are_no_words(run, tmp_path, name):
    FILES[name](tmp_path / "in.txt")
    run("corpus", "build", tmp_path / "in.txt", "-o", tmp_path / "C", "--min-df", 1)
    corpus = Corpus.open(tmp_path / "C")
    assert corpus.vocabulary == ("qaa", "qab", "qac")
    np.testing.assert_array_equal(corpus.counts.to_scipy().toarray(), [[1, 1, 0], [1, 0, 1]] * 3)


def table():
    yield f"| file | {' | '.join(f'`{command}`' for command in COMMANDS)} |"
    yield "|---" * (len(COMMANDS) + 1) + "|"
    for name in FILES:
        yield f"| {name} | {' | '.join(expected(name, command) for command in COMMANDS)} |"


def test_the_page_shows_the_table():
    page = PAGE.read_text(encoding="utf-8")
    assert [line for line in table() if f"{line}\n" not in page] == [], "\n".join(table())
