"""Folders that are replaced in one step, read in one state, and never taken from somebody else."""

import contextlib
import errno
import json
import multiprocessing
import os
import stat
import subprocess
import threading

import pytest
from injector import REMOVING, failing_at, kills, operations

from topicforge import storage
from topicforge.errors import ModelFileError, OutputError, StorageError
from topicforge.storage import (
    MANIFEST,
    FolderKind,
    check_target,
    claim_folder,
    is_kind,
    read_folder,
    write_folder,
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="POSIX files, locks and signals")

THING = FolderKind("thing", ModelFileError, "`make thing`")
OTHER = FolderKind("other", ModelFileError, "`make other`")


@pytest.fixture(params=["exchange", "two renames"])
def way(request, monkeypatch):
    """Both ways of replacing a folder."""
    if request.param == "two renames":
        monkeypatch.setattr(storage, "_exchange", lambda *_: False)
    return request.param


def save(target, content, names=("a", "sub/b"), kind=THING):
    with write_folder(target, kind) as folder:
        for name in names:
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_text(content)


def read(target, *, verify=True):
    return read_folder(
        target, THING, lambda names: {(target / name).read_text() for name in names}, verify=verify
    )


# ---- writing ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("way")
def test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path):
    target = tmp_path / "new" / "thing"
    save(target, "first")
    assert read(target) == {"first"}
    with write_folder(target, THING) as folder:
        (folder / "c").write_text("second")
        assert read(target) == {"first"}
    assert read(target) == {"second"}
    assert sorted(os.listdir(target)) == ["c", MANIFEST]
    assert os.listdir(target.parent) == ["thing"]


def test_an_empty_folder_is_taken(tmp_path):
    (tmp_path / "thing").mkdir()
    save(tmp_path / "thing", "x")
    assert read(tmp_path / "thing") == {"x"}


def test_equal_contents_make_equal_manifests(tmp_path):
    save(tmp_path / "one", "x")
    save(tmp_path / "two", "x")
    assert (tmp_path / "one" / MANIFEST).read_bytes() == (tmp_path / "two" / MANIFEST).read_bytes()


def test_everything_is_on_the_disk_before_it_has_its_name(tmp_path):
    save(tmp_path / "thing", "old")
    done = operations(lambda: save(tmp_path / "thing", "new"))
    # a, sub, sub/b, the manifest, the folder that holds it; the parent after the exchange
    before, after = done[: done.index("_exchange")], done[done.index("_exchange") + 1 :]
    assert before.count("fsync") == 5
    assert after[0] == "fsync"


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_permissions_follow_the_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        save(tmp_path / "thing", "x")
    finally:
        os.umask(before)
    for path in (tmp_path / "thing", *(tmp_path / "thing").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o777 if path.is_dir() else 0o666) & ~umask


def test_a_kill_at_any_moment_leaves_the_old_folder_or_the_new_one(tmp_path, way):
    target = tmp_path / "thing"
    states = []
    for _ in kills(lambda: save(target, "new"), prepare=lambda: save(target, "old")):
        if target.exists():
            states.append(read(target).pop())
        else:
            assert way == "two renames"
            assert states[-1] == "old"
            with pytest.raises(
                ModelFileError, match=r"its old state is whole: rename .*-previous to"
            ):
                read(target)
        save(target, "again")
        assert read(target) == {"again"}
        assert os.listdir(tmp_path) == ["thing"]
    assert states == sorted(states, reverse=True)
    assert states.count("old") > 8
    assert states.count("new") > 3


@pytest.mark.usefixtures("way")
def test_no_room_at_any_moment_keeps_the_old_folder(tmp_path):
    target = tmp_path / "thing"
    save(target, "old")
    steps = [name for name in operations(lambda: save(target, "old")) if name not in REMOVING]
    raised = []
    for number in range(len(steps)):
        save(target, "old")
        try:
            with failing_at(number):
                save(target, "new")
        except StorageError as error:
            raised.append((number, str(error)))
        # making a folder that is there already may fail; after the last step the new one has its name
        new = number not in [n for n, _ in raised] or number + 1 == len(steps)
        assert read(target) == {"new" if new else "old"}
        assert os.listdir(tmp_path) == ["thing"]
    assert len(raised) == len(steps) - 2
    assert {text for _, text in raised} == {
        f"{target}: can't be written: there is no room (No space left on device); make room, then give "
        "the same command again"
    }


@pytest.mark.usefixtures("way")
def test_the_old_folder_stays_open_for_who_reads_it(tmp_path):
    save(tmp_path / "thing", "old")
    with (tmp_path / "thing" / "a").open() as file:
        save(tmp_path / "thing", "new")
        assert file.read() == "old"


# ---- what is not replaced ---------------------------------------------------------------------


def tree(folder):
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() if p.is_file() else None
        for p in folder.rglob("*")
    }


def refused(tmp_path, target, says):
    before = tree(tmp_path)
    for act in (check_target, lambda path, kind: save(path, "new", kind=kind)):
        with pytest.raises(OutputError, match=says):
            act(target, THING)
        assert tree(tmp_path) == before


def test_foreign_folders_are_left_alone(tmp_path):
    app = tmp_path / "app"
    (app / ".git").mkdir(parents=True)
    (app / "a").write_text("source")
    refused(tmp_path, app, "holds other files, and no manifest.json of a thing")
    (app / MANIFEST).write_text('{"name": "a web application"}')
    refused(tmp_path, app, "holds other files, and no manifest.json of a thing")
    save(tmp_path / "other", "x", kind=OTHER)
    refused(tmp_path, tmp_path / "other", "no manifest.json of a thing")


@pytest.mark.parametrize("name", [".git/config", "notes.txt", "sub/mine", ".hidden", "empty/"])
def test_a_folder_of_ours_with_foreign_files_is_left_alone(tmp_path, name):
    target = tmp_path / "thing"
    save(target, "x")
    if name.endswith("/"):
        (target / name).mkdir()
    else:
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_text("mine")
    refused(tmp_path, target, r"holds '.*', which manifest\.json does not list")


def test_links_and_files_are_left_alone(tmp_path):
    save(tmp_path / "thing", "x")
    (tmp_path / "link").symlink_to("thing")
    refused(tmp_path, tmp_path / "link", "is a symbolic link to .*/thing; name that place itself")
    (tmp_path / "dangling").symlink_to("nowhere")
    refused(tmp_path, tmp_path / "dangling", "is a symbolic link")
    (tmp_path / "file").write_text("x")
    refused(tmp_path, tmp_path / "file", "must be a folder or new, but is a file")
    with pytest.raises(StorageError, match=r"can't be written: .*file must be a folder"):
        check_target(tmp_path / "file" / "thing", THING)
    (tmp_path / "thing" / "a").unlink()
    (tmp_path / "thing" / "a").symlink_to("sub/b")
    refused(tmp_path, tmp_path / "thing", "holds 'a'")
    refused(tmp_path, tmp_path / ("x" * 240), "at most 230 bytes")


def test_the_current_folder_and_those_above_it_are_left_alone(tmp_path, monkeypatch):
    save(tmp_path / "thing", "x")
    monkeypatch.chdir(tmp_path / "thing" / "sub")
    for target in (tmp_path / "thing", storage.Path("."), storage.Path("..")):
        with pytest.raises(
            OutputError, match=r"is a current folder, .*; name a new folder inside it"
        ):
            check_target(target, THING)


@pytest.mark.parametrize("bound", [False, True], ids=["tmpfs", "bind"])
def test_a_mount_point_is_found_before_the_work(tmp_path, bound):
    target = tmp_path / "a volume"
    target.mkdir()
    (tmp_path / "real").mkdir()
    how = ["--bind", tmp_path / "real"] if bound else ["-t", "tmpfs", "tmpfs"]
    if subprocess.run(["mount", *how, target], capture_output=True, check=False).returncode:
        pytest.skip("may not mount")
    try:
        with pytest.raises(OutputError, match=r"is a mount point, .*; name a new folder inside it"):
            check_target(target, THING)
        save(target / "thing", "x")
        assert read(target / "thing") == {"x"}
    finally:
        subprocess.run(["umount", target], check=True)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_found_before_the_work(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StorageError, match="no permission to write in"):
        check_target(tmp_path / "thing", THING)


def test_files_as_targets(tmp_path):
    check_target(tmp_path / "new.npy")
    (tmp_path / "old.npy").write_text("x")
    check_target(tmp_path / "old.npy")
    (tmp_path / "link").symlink_to("old.npy")
    with pytest.raises(OutputError, match="symbolic link"):
        check_target(tmp_path / "link")
    with pytest.raises(OutputError, match="must be a file"):
        check_target(tmp_path)


def test_a_foreign_folder_that_comes_between_is_put_back(tmp_path, monkeypatch):
    """What was ours when it was looked at is looked at again when it is held."""
    target = tmp_path / "thing"
    save(target, "old")
    seen = [0]
    plain = storage._foreign

    def then_foreign(folder, kind):
        seen[0] += 1
        if seen[0] == 3:
            (target / "mine").write_text("mine")
        return plain(folder, kind)

    monkeypatch.setattr(storage, "_foreign", then_foreign)
    with pytest.raises(OutputError, match="holds 'mine'"):
        save(target, "new")
    assert (target / "mine").read_text() == "mine"
    assert (target / "a").read_text() == "old"
    assert os.listdir(tmp_path) == ["thing"]


# ---- reading ----------------------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["flip", "cut", "longer", "gone", "pipe", "folder"])
def test_a_damaged_file_is_found_before_it_is_read(tmp_path, damage):
    target, path = tmp_path / "thing", tmp_path / "thing" / "a"
    save(target, "content")
    if damage == "flip":
        path.write_text("contest")
    elif damage == "cut":
        path.write_text("cont")
    elif damage == "longer":
        path.write_text("content and more")
    else:
        path.unlink()
        if damage == "pipe":
            os.mkfifo(path)
        elif damage == "folder":
            path.mkdir()

    def never(names):
        raise AssertionError(f"read {names}")

    with pytest.raises(ModelFileError, match="thing/a: "):
        read_folder(target, THING, never)
    if damage == "flip":
        assert read(target, verify=False) == {"content", "contest"}
    else:
        with pytest.raises(ModelFileError, match="thing/a: "):
            read_folder(target, THING, never, verify=False)


@pytest.mark.parametrize("text", [
    "", "{", "[]", "3", "{}", '{"format": 1, "kind": "other", "files": {}}', "[" * 100_000, "\xff",
    '{"format": 2, "kind": "thing", "files": {}}', '{"format": 1, "kind": "thing", "files": []}',
    *(json.dumps({"format": 1, "kind": "thing", "files": {name: {"bytes": 1, "sha256": ""}}})
      for name in ("/etc/passwd", "../a", "sub/../../a", "./a", "a//b", "")),
    '{"format": 1, "kind": "thing", "files": {"a": 3}}',
    '{"format": 1, "kind": "thing", "files": {"a": {"bytes": 1}}}',
])  # fmt: skip
def test_a_damaged_manifest_is_one_sentence(tmp_path, text):
    save(tmp_path / "thing", "x")
    (tmp_path / "thing" / MANIFEST).write_text(text, encoding="latin-1")
    with pytest.raises(ModelFileError, match=r"manifest\.json"):
        read(tmp_path / "thing")
    assert not is_kind(tmp_path / "thing", THING)


def test_every_changed_byte_of_a_manifest_is_found_or_harmless(tmp_path):
    target = tmp_path / "thing"
    save(target, "x")
    whole = (target / MANIFEST).read_bytes()
    for place in range(len(whole)):
        for bit in (1, 32):
            changed = bytearray(whole)
            changed[place] ^= bit
            (target / MANIFEST).write_bytes(changed)
            with contextlib.suppress(ModelFileError):
                assert read_folder(target, THING, lambda names: names) == {"a", "sub/b"}


def test_a_missing_folder_says_what_writes_one(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(
            ModelFileError, match=r"must be a thing folder, .* `make thing` writes one"
        ):
            read(path)


def _saving(target, number):
    for turn in range(60):
        save(target, f"{number}-{turn}", names=[f"f{n}" for n in range(5)])


@pytest.mark.parametrize("verify", [True, False])
def test_readers_see_one_state_while_two_processes_write(tmp_path, verify):
    target = tmp_path / "thing"
    save(target, "first", names=[f"f{n}" for n in range(5)])
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_saving, args=(target, n)) for n in range(2)]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        found = read(target, verify=verify)
        assert len(found) == 1
        seen |= found
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert len(seen) > 5
    assert os.listdir(tmp_path) == ["thing"]


@pytest.mark.usefixtures("way")
def test_two_writers_of_a_new_folder_both_end_well(tmp_path):
    for turn in range(20):
        target = tmp_path / f"thing{turn}"
        threads = [threading.Thread(target=save, args=(target, str(n))) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(read(target)) == 1
    assert len(os.listdir(tmp_path)) == 20


def test_an_exchange_is_refused_only_with_its_reason(tmp_path):
    with pytest.raises(OSError, match="No such file") as caught:
        storage._exchange(tmp_path / "a", tmp_path / "b")
    assert caught.value.errno == errno.ENOENT


# ---- folders that grow ------------------------------------------------------------------------


def test_a_claimed_folder_is_ours_alone_and_knows_its_work(tmp_path):
    folder = tmp_path / "new" / "work"
    with claim_folder(folder, "mark.json", {"of": 1}, "work") as found:
        assert found == {"of": 1}
        used = pytest.raises(StorageError, match=f"in use by process {os.getpid()}")
        with used, claim_folder(folder, "mark.json", {"of": 1}, "work"):
            pytest.fail("two at once")
    (folder / ".x.01234567.part").write_text("left by a process that was killed")
    with claim_folder(folder, "mark.json", {"of": 2}, "work") as found:
        assert found == {"of": 1}
    assert os.listdir(folder) == ["mark.json"]


def test_foreign_folders_are_not_claimed(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    for folder, says in (
        (tmp_path, r"holds 'letter\.txt'"),
        (tmp_path / "letter.txt", "is a file"),
    ):
        with pytest.raises(OutputError, match=says), claim_folder(folder, "mark.json", {}, "work"):
            pass
    for text in ("", "[]", "{", "[" * 100_000):
        (tmp_path / "mark.json").write_text(text)
        damaged = pytest.raises(StorageError, match=r"mark\.json: must describe work")
        with damaged, claim_folder(tmp_path, "mark.json", {}, "work"):
            pass
    assert sorted(os.listdir(tmp_path)) == ["letter.txt", "mark.json"]


def test_a_kill_while_a_folder_is_claimed_leaves_it_claimable(tmp_path):
    folder = tmp_path / "work"

    def claim():
        with claim_folder(folder, "mark.json", {"of": 1}, "work"):
            pass

    killed = 0
    for _ in kills(claim, prepare=lambda: subprocess.run(["rm", "-rf", folder], check=True)):
        killed += 1
        with claim_folder(folder, "mark.json", {"of": 2}, "work") as found:
            assert found in ({"of": 1}, {"of": 2})
        assert os.listdir(folder) == ["mark.json"]
    assert killed > 5


def test_a_folder_without_a_manifest_is_only_ever_new(tmp_path):
    with write_folder(tmp_path / "package", None) as folder:
        (folder / "a").write_text("x")
    assert os.listdir(tmp_path / "package") == ["a"]
    again = pytest.raises(OutputError, match="package: exists")
    with again, write_folder(tmp_path / "package", None):
        pytest.fail("replaced")
    assert os.listdir(tmp_path) == ["package"]
