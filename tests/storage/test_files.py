"""Files that appear whole or not at all, checksums, locks."""

import contextlib
import errno
import hashlib
import json
import os
import stat
import subprocess
import sys
import threading

import pytest
import torch
from injector import failing_at, kills, operations
from safetensors.torch import load_file

from topicforge.errors import StorageError
from topicforge.storage import (
    clear_leftovers,
    locked,
    read_bytes,
    sha256,
    write_file,
    write_json,
    write_tensors,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX files, locks and signals")


def write(path, content):
    with write_file(path) as file:
        file.write(content)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_file_appears_at_the_end_and_replaces_the_old_one(tmp_path):
    path = tmp_path / "a"
    for content in (b"first", b"second"):
        before = path.read_bytes() if path.exists() else None
        with write_file(path) as file:
            file.write(content)
            assert (path.read_bytes() if path.exists() else None) == before
        assert path.read_bytes() == content
    assert os.listdir(tmp_path) == ["a"]


def test_the_content_is_on_the_disk_before_the_name_and_the_name_at_the_end(tmp_path):
    assert operations(lambda: write(tmp_path / "a", b"x")) == [
        "fsync",
        "replace",
        "fsync",
        "unlink",
    ]


def test_an_error_in_the_block_keeps_the_old_file_and_leaves_nothing(tmp_path):
    write(tmp_path / "a", b"old")

    def fail():
        with write_file(tmp_path / "a") as file:
            file.write(b"half of the new")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_kill_at_any_moment_leaves_the_old_file_or_the_new_one(tmp_path):
    path = tmp_path / "a"
    states = []
    for _ in kills(lambda: write(path, b"new"), prepare=lambda: write(path, b"old")):
        states.append(path.read_bytes())
        clear_leftovers(tmp_path)
        assert os.listdir(tmp_path) == ["a"]
    assert states == [b"old", b"old", b"new", b"new"]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room_is_an_error_that_names_the_file(tmp_path, number, code):
    write(tmp_path / "a", b"old")
    full = pytest.raises(StorageError, match=r"/a: can't be written: there is no room")
    with full, failing_at(number, code):
        write(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_other_errors_say_what_the_system_says(tmp_path):
    with pytest.raises(StorageError, match=r"/none/a: can't be written: No such file or directory"):
        write(tmp_path / "none" / "a", b"x")
    (tmp_path / "folder" / "inside").mkdir(parents=True)
    with pytest.raises(StorageError, match="Is a directory"):
        write(tmp_path / "folder", b"x")
    assert os.listdir(tmp_path) == ["folder"]


@pytest.mark.parametrize("umask", [0o022, 0o002, 0o077])
def test_permissions_follow_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        write(tmp_path / "a", b"x")
        write_tensors(tmp_path / "t", {"a": torch.ones(2)})
    finally:
        os.umask(before)
    assert mode(tmp_path / "a") == mode(tmp_path / "t") == 0o666 & ~umask


def test_json_is_utf8_and_refuses_what_json_is_not(tmp_path):
    write_json(tmp_path / "a", {"слово": [1, 2.5, None]})
    assert json.loads((tmp_path / "a").read_text(encoding="utf-8")) == {"слово": [1, 2.5, None]}
    for wrong in (object(), float("nan")):
        with pytest.raises((TypeError, ValueError)):
            write_json(tmp_path / "b", wrong)
    assert os.listdir(tmp_path) == ["a"]


def test_tensors_that_share_memory_or_are_views_are_written(tmp_path):
    base = torch.arange(6.0).reshape(2, 3)
    tensors = {"base": base, "same": base, "turned": base.T, "row": base[1], "none": torch.empty(0)}
    write_tensors(tmp_path / "t", tensors)
    read = load_file(tmp_path / "t")
    assert set(read) == set(tensors)
    for name, tensor in tensors.items():
        assert torch.equal(read[name], tensor)


def test_a_leftover_is_removed_and_the_work_of_a_living_process_is_not(tmp_path):
    (tmp_path / ".a.01234567.part").write_text("left")
    (tmp_path / ".b.01234567.part").mkdir()
    foreign = [".a.0123456.part", "a.01234567.part", ".part", ".a.01234567.part2"]
    for name in foreign:
        (tmp_path / name).write_text("somebody's")
    with write_file(tmp_path / "a") as file:
        file.write(b"x")
        clear_leftovers(tmp_path)
    clear_leftovers(tmp_path / "none")
    assert sorted(os.listdir(tmp_path)) == sorted(["a", *foreign])
    for name in ("a", "b.c", "[b]"):
        (tmp_path / f".{name}.01234567.part").write_text("left")
        clear_leftovers(tmp_path, name)
    assert sorted(os.listdir(tmp_path)) == sorted(["a", *foreign])


@pytest.mark.parametrize("read", [read_bytes, sha256])
def test_pipes_and_folders_are_not_read(tmp_path, read):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(OSError, match=r"regular file|directory"):
            read(path)
    (tmp_path / "a").write_bytes(b"abc")
    assert read_bytes(tmp_path / "a") == b"abc"
    assert sha256(tmp_path / "a") == hashlib.sha256(b"abc").hexdigest()


# ---- locks ------------------------------------------------------------------------------------


def test_a_lock_keeps_others_out_names_its_holder_and_is_gone_at_the_end(tmp_path):
    file = tmp_path / "new" / "lock"
    used = pytest.raises(StorageError, match=rf"/thing: in use by process {os.getpid()} of ")
    with locked(file, tmp_path / "thing"), used, locked(file, tmp_path / "thing"):
        pytest.fail("two at once")
    assert os.listdir(file.parent) == []
    with locked(file, tmp_path / "thing"):
        file.unlink()
        file.parent.rmdir()
    assert os.listdir(tmp_path) == []


def test_a_killed_process_releases_its_lock(tmp_path):
    file = tmp_path / "lock"
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom topicforge.storage import locked\n"
        "with locked(Path(sys.argv[1]), Path('thing')):\n    print('held', flush=True)\n    time.sleep(60)"
    )
    holder = subprocess.Popen([sys.executable, "-c", code, file], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StorageError, match=f"process {holder.pid} of"), locked(file, file):
        pass
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with locked(file, file):
        pass


def test_one_of_many_holds_the_lock_at_a_time(tmp_path):
    file, inside, most, refused = tmp_path / "work" / "lock", [0], [0], [0]
    guard = threading.Lock()

    def work():
        for _ in range(200):
            try:
                with locked(file, file):
                    with guard:
                        inside[0] += 1
                        most[0] = max(most[0], inside[0])
                    with guard:
                        inside[0] -= 1
            except StorageError:
                refused[0] += 1
            with contextlib.suppress(OSError):  # as a training does that has ended
                file.parent.rmdir()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert refused[0] > 0
    assert os.listdir(tmp_path) == []
