"""A disk that is full at any place ends a command in one sentence, and what was whole stays whole."""

import os
import subprocess
import sys

import pytest

import topicforge
from topicforge.corpus import Corpus

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts a small file system")


@pytest.fixture
def disk(tmp_path):
    """A file system of 1 MiB; ``fill`` leaves it so many KiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,mode=777", "tmpfs", place]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def fill(disk, left):
    free = os.statvfs(disk)
    (disk / "filler").write_bytes(b"x" * (free.f_bavail * free.f_frsize - left * 1024))


def refused(ran, output):
    assert ran.code == 1
    assert "Traceback" not in ran.err
    assert "there is no room" in ran.error
    assert str(output) in ran.error
    left = [p.name for p in output.parent.iterdir() if p.name not in ("filler", output.name)]
    assert [name for name in left if name.endswith(".part")] == []


@pytest.mark.parametrize("left", [0, 4, 8, 16])
def test_a_model_is_kept_elsewhere(run, corpus, disk, tmp_path, monkeypatch, left):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    fill(disk, left)
    ran = run("train", corpus, "-k", 2, "--epochs", 1, "-o", disk / "M")
    refused(ran, disk / "M")
    if left >= 8:  # enough to begin
        place = ran.error.rpartition(" is in ")[2]
        assert place.startswith(str(tmp_path))
        assert len(topicforge.load(place).topics(3)) == 2
    assert not (disk / "M").exists()


def test_a_checkpoint_without_room_keeps_the_one_before(run, corpus, disk):
    state = disk / ".M-training" / "checkpoint.json"
    outcomes = []
    for left in range(8, 100, 8):
        output = disk / f"M{left}"
        state = disk / f".M{left}-training" / "checkpoint.json"
        command = ("train", corpus, "-k", 3, "--epochs", 2, "--checkpoint-every", 0, "-o", output)
        fill(disk, left)
        ran = run(*command)
        if ran.code == 0:
            break
        refused(ran, state.parent)
        outcomes.append(state.is_file())
        (disk / "filler").unlink()
        ran = run(*command)
        assert ran.code == 0
        assert ("going on from" in ran.err) == outcomes[-1]
        assert len(topicforge.load(output).history_) == 2
        assert [path.name for path in disk.iterdir()] == [output.name]
        subprocess.run(["rm", "-r", output], check=True)
    # without room for the first one, and for a second one beside it
    assert set(outcomes) == {False, True}


@pytest.mark.parametrize("name", ["theta.npy", "npy", "parquet"])
def test_theta_keeps_the_shards_that_are_whole(run, model, corpus, disk, name):
    fill(disk, 4)
    more = ("--shard-documents", 100, "--shard-format", name) if "." not in name else ()
    command = ("transform", model, corpus, "-o", disk / "out" / name, *more)
    ran = run(*command)
    refused(ran, disk / "out" / name)
    (disk / "filler").unlink()
    assert run(*command).code == 0


@pytest.mark.parametrize("streamed", [False, True])
def test_a_corpus_leaves_the_old_one(run, disk, tmp_path, streamed):
    (tmp_path / "texts.txt").write_text(
        "".join(f"alpha beta word{i} word{i // 2}\n" for i in range(400))
    )
    command = ("corpus", "build", tmp_path / "texts.txt", "-o", disk / "C", "--min-df", 1)
    more = ("--shard-documents", 50) if streamed else ()
    assert run(*command).code == 0
    before = Corpus.open(disk / "C").counts.n_entries
    fill(disk, 8)
    refused(run(*command, *more, "--force"), disk / "C")
    assert Corpus.open(disk / "C").counts.n_entries == before
    (disk / "filler").unlink()
    assert run(*command, *more, "--force").code == 0
    assert sorted(path.name for path in disk.iterdir()) == ["C"]


def test_standard_output_without_room(model):
    with open("/dev/full", "w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "topicforge", "topics", str(model)],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert ran.returncode == 1
    assert ran.stderr == "error: standard output: there is no room (No space left on device)\n"
