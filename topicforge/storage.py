"""Files and folders that appear whole or not at all, locks, checksums.

A file is written under a temporary name in its own folder, flushed to the disk, and renamed. A folder
is written beside its place in the same way, with a ``manifest.json`` that lists the size and the
SHA-256 of every file, and is then exchanged with the old folder in one step of the file system. Before
the exchange the old state is whole, after it the new one, whenever the process is stopped.

    path = ...
    with write_file(path) as file:                 # path appears at the end of the block
        file.write(b"...")
    with write_folder(path, MODEL) as folder:      # so does the folder, with its manifest
        (folder / "model.json").write_text("...")
    result = read_folder(path, MODEL, read)        # the old or the new state, never a mixture
    with locked(path / "lock", path):              # StorageError where another process holds it
        ...

A folder is replaced only if it is ours as a whole: its manifest is there, of the same kind, and lists
every file inside. Temporary names end in ``.part``; what a killed process left under such a name is
removed by the next writer, which can tell it from the work of a living one by its lock.

Where the file system cannot exchange two folders (``renameat2`` on Linux, ``renamex_np`` on macOS), the
old folder is renamed to ``.NAME-previous`` first. A process that is killed at that moment leaves it
there; the next writer puts it back, and readers name it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import json
import os
import re
import secrets
import shutil
import socket
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, TypeVar

from topicforge.errors import OutputError, StorageError, TopicForgeError

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

T = TypeVar("T")

MANIFEST = "manifest.json"
_FORMAT = 1
_PART = re.compile(r"\..+\.[0-9a-f]{8}\.part")
#: longest name of a target in bytes: temporary names are longer by 15, and file systems end at 255
_LONGEST_NAME = 230
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_LOCK = ".lock"
_TRIES = 100
_PAUSE = 0.02


@dataclass(frozen=True)
class FolderKind:
    """A kind of folder that is written and replaced as a whole.

    Args:
        name: ``corpus``, ``model``; it stands in the manifest and in messages.
        error: raised where a folder cannot be read.
        made_by: command or function that writes one.
    """

    name: str
    error: type[TopicForgeError]
    made_by: str


# ---- files ------------------------------------------------------------------------------------


@contextmanager
def write_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that appears under its name at the end of the block, whole and on the disk.

    Args:
        path: new, or a file to be replaced.

    Raises:
        StorageError: it cannot be written; the old file is as it was.
    """
    with writing_to(path):
        part, file = _open_part(path)
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.replace(part, path)
            _sync_folder(path.parent)
        finally:
            part.unlink(missing_ok=True)


def write_json(path: Path, value: Any) -> None:
    """Write JSON text, whole or not at all.

    Raises:
        TypeError, ValueError: a value that JSON cannot hold.
        StorageError: the file cannot be written.
    """
    text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    with write_file(path) as file:
        file.write(f"{text}\n".encode())


def write_tensors(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write a safetensors file, whole or not at all.

    ``safetensors.torch.save_file`` is not used because it makes a temporary file of its own, readable by
    its owner alone, and leaves it behind when it is killed.

    Args:
        path: new, or a file to be replaced.
        tensors: name -> tensor on any device; two of them may share memory.

    Raises:
        StorageError: the file cannot be written.
    """
    from safetensors.torch import save

    plain: dict[str, Tensor] = {}
    memory: set[int] = set()
    for name, tensor in tensors.items():
        own = tensor.detach().cpu().contiguous()
        where = own.untyped_storage().data_ptr()
        plain[name] = own.clone() if where in memory else own
        memory.add(where)
    with write_file(path) as file:
        file.write(save(plain))


def write_array(file: IO[bytes], shape: tuple[int, ...], parts: Iterable[NDArray[Any]]) -> None:
    """Write an array in the .npy format, part by part.

    ``numpy.save`` loads a memory-mapped array whole, and does not say that there is no room; a
    memory-mapped file ends the process by a signal then.

    Args:
        file: open for writing.
        shape: of the whole array.
        parts: of one type, of the same shape but for the first dimension, at least one.
    """
    import numpy as np

    begun = False
    for part in parts:
        if not begun:
            kind = np.lib.format.dtype_to_descr(part.dtype)
            described = {"descr": kind, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(file, described)
            begun = True
        file.write(np.ascontiguousarray(part).data)


def map_array(path: Path) -> NDArray[Any]:
    """Map a .npy file into memory.

    Raises:
        OSError: missing, unreadable, or no regular file.
        ValueError: not one array, or objects, which would be a pickle.
    """
    import tokenize

    import numpy as np

    os.close(_open_regular(path))
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)
    except (EOFError, SyntaxError, tokenize.TokenError, MemoryError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error
    if not isinstance(mapped, np.memmap):
        mapped.close()  # an .npz under another name
        raise ValueError("it holds several arrays")
    return mapped


def read_bytes(path: Path) -> bytes:
    """Read a regular file; a pipe or a device, which may never end, is an error.

    Raises:
        OSError: missing, unreadable, or no regular file.
    """
    with os.fdopen(_open_regular(path), "rb") as file:
        return file.read()


def sha256(path: Path) -> str:
    """Return the SHA-256 of a regular file.

    Raises:
        OSError: missing, unreadable, or no regular file.
    """
    with os.fdopen(_open_regular(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def writing_to(path: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the block into a :class:`StorageError` that names the path.

    Of two of these, one inside the other, the outer one gives the name.

    Args:
        path: what is written.
    """
    try:
        yield
    except (OSError, StorageError) as raised:
        error = raised if isinstance(raised, OSError) else raised.__cause__
        if not isinstance(error, OSError):
            raise
        if error.errno in _NO_ROOM:
            why = (
                f"there is no room ({error.strerror}); make room, then give the same command again"
            )
        else:
            why = error.strerror or str(error)
            if error.filename is not None and Path(os.fsdecode(error.filename)) != path:
                why += f": {os.fsdecode(error.filename)}"
        raise StorageError(f"{path}: can't be written: {why}") from error


# ---- locks ------------------------------------------------------------------------------------


@contextmanager
def locked(file: Path, what: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold a lock while the block runs; the system releases it when the process ends, however it ends.

    On Windows, which has no such locks, the block runs without one.

    Args:
        file: the lock, made with its folder where it is missing and removed at the end.
        what: named in the error.
        wait: for the process that holds it, instead of raising an error.

    Raises:
        StorageError: another process holds it, or the file cannot be written.
    """
    if sys.platform == "win32":
        yield
        return
    with writing_to(what):
        handle = _locked_handle(file, what, wait)
    try:
        yield
    finally:
        if _is_same(file, handle):  # not where the block removed the folder, and the lock with it
            file.unlink()
        os.close(handle)


@contextmanager
def workspace(folder: Path, what: Path) -> Iterator[None]:
    """Hold a folder of work under way; it is removed at the end, and kept where the block raises.

    Args:
        folder: made where it is missing.
        what: the output of the work, named in the error.

    Raises:
        StorageError: another process holds it.
    """
    try:
        with locked(folder / _LOCK, what):
            yield
            for path in folder.iterdir():  # the lock goes last, so that nobody begins in between
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                elif path.name != _LOCK:
                    path.unlink(missing_ok=True)
    finally:
        with contextlib.suppress(OSError):  # something is kept in it, or another process has begun
            folder.rmdir()


def _locked_handle(file: Path, what: Path, wait: bool) -> int:
    while True:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except FileNotFoundError:  # its holder has just removed the folder
            continue
        if not _flock(handle, wait=wait):
            owner = os.read(handle, 200).decode(errors="replace").strip()
            os.close(handle)
            raise StorageError(
                f"{what}: in use by {owner or 'another process'}; wait until it has ended, or choose "
                "another place"
            )
        if _is_same(file, handle):  # it may have been removed by its holder after it was opened
            break
        os.close(handle)
    with contextlib.suppress(OSError):  # without room the lock holds, and the error has no name
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} of {socket.gethostname()}\n".encode())
    return handle


def _is_same(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def _flock(handle: int, *, wait: bool = False) -> bool:
    """Lock an open file or folder; False where another process holds it or the system has no locks."""
    if sys.platform == "win32":
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        return False
    return True


# ---- folders: writing -------------------------------------------------------------------------


def check_target(target: Path, kind: FolderKind | None = None) -> None:
    """See that an output can be put in its place, before the work for it begins.

    Args:
        target: where the output will be written; new, or to be replaced.
        kind: of the folder; ``None`` for a file.

    Raises:
        OutputError: it is a symbolic link, a mount point or the current folder; it is a file instead
            of a folder or the reverse; it holds files that are not of such a folder.
        StorageError: nothing can be written there.
    """
    path = Path(os.path.abspath(target))
    if len(os.fsencode(path.name)) > _LONGEST_NAME:
        raise OutputError(f"{target}: its name must have at most {_LONGEST_NAME} bytes")
    parent = path.parent
    while not os.path.lexists(parent):
        parent = parent.parent
    if not parent.is_dir():
        raise StorageError(f"{target}: can't be written: {parent} must be a folder, but is none")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise StorageError(f"{target}: can't be written: no permission to write in {parent}")
    if path.is_symlink():
        raise OutputError(
            f"{target}: is a symbolic link to {os.path.realpath(path)}; name that place itself"
        )
    if not path.exists():
        return
    if kind is None:
        if not path.is_file():
            raise OutputError(
                f"{target}: must be a file, but is something else; choose another place"
            )
        return
    if not path.is_dir():
        raise OutputError(f"{target}: must be a folder or new, but is a file; choose another place")
    which = "mount point" if _is_mount(path) else "current folder" if _is_current(path) else None
    if which is not None:
        raise OutputError(
            f"{target}: is a {which}, which can't be replaced by a new folder; name a new folder "
            f"inside it, as {target / kind.name}"
        )
    foreign = _foreign(path, kind)
    if foreign is not None:
        raise OutputError(
            f"{target}: must be new, empty or a {kind.name} folder, but it {foreign}; choose another place"
        )


@contextmanager
def write_folder(target: Path, kind: FolderKind | None) -> Iterator[Path]:
    """Give an empty folder to be filled, and put it in its place at the end of the block.

    Args:
        target: where it goes: new, empty, or a folder of the same kind, which is replaced.
        kind: of the folder; ``None`` for one without a manifest, whose target must be new.

    Yields:
        The folder to write into. Its files are listed in a manifest afterwards.

    Raises:
        OutputError, StorageError: as :func:`check_target`; or there is no room.
    """
    if kind is not None:
        check_target(target, kind)
    elif os.path.lexists(target):
        raise OutputError(f"{target}: exists; choose another place, or remove it")
    with writing_to(target):
        target.absolute().parent.mkdir(parents=True, exist_ok=True)
        clear_leftovers(target.absolute().parent, target.name)
        with _part_folder(target) as part:
            yield part
            if kind is None:
                os.rename(part, target)
                return
            write_manifest(part, kind)
            put_in_place(part, target, kind)


def write_manifest(folder: Path, kind: FolderKind) -> None:
    """List every file of a complete folder, and have all of it on the disk.

    Args:
        folder: with every file in place.
        kind: of the folder.
    """
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            _sync_folder(path)
        elif path != folder / MANIFEST:
            with path.open("rb") as file:
                os.fsync(file.fileno())
                files[path.relative_to(folder).as_posix()] = {
                    "bytes": os.fstat(file.fileno()).st_size,
                    "sha256": hashlib.file_digest(file, "sha256").hexdigest(),
                }
    write_json(
        folder / MANIFEST,
        {"format": _FORMAT, "kind": kind.name, "files": files, "sha256": _of_list(files)},
    )


def _of_list(files: Any) -> str:
    """The checksum of a manifest's own list, without which a lost entry would be a lost file."""
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def put_in_place(part: Path, target: Path, kind: FolderKind) -> None:
    """Give a complete folder its name; what was there before is removed afterwards.

    Args:
        part: with its manifest, on the same file system as the target.
        target: new, empty, or of the same kind.
        kind: of both.

    Raises:
        OutputError: see :func:`check_target`.
        OSError: the file system refuses.
    """
    target = Path(os.path.abspath(target))
    for _ in range(_TRIES):
        previous = _previous(target)
        if not target.exists() and is_kind(previous, kind):
            os.rename(previous, target)
        check_target(target, kind)
        if not target.exists() or not any(target.iterdir()):
            try:
                os.rename(part, target)
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    continue  # another process was quicker
                raise
            _sync_folder(target.parent)
            return
        if _replace(part, target, kind):
            return
        time.sleep(_PAUSE)
    raise StorageError(f"{target}: is being replaced by other processes again and again")


def _replace(part: Path, target: Path, kind: FolderKind) -> bool:
    """Exchange two folders and remove the old one; False where another process came between."""
    with _held(target) as handle:
        if handle is not None and not _is_same(target, handle):
            return False
        foreign = _foreign(target, kind)
        if foreign is not None:
            raise OutputError(f"{target}: is not replaced: it {foreign}")
        if _exchange(part, target):
            old = part
        else:
            old = _previous(target)
            shutil.rmtree(old, ignore_errors=True)  # of a process that was killed; target was there
            os.rename(target, old)
            try:
                os.rename(part, target)
            except OSError:
                os.rename(old, target)
                raise
        try:
            _sync_folder(target.parent)
        finally:
            shutil.rmtree(old, ignore_errors=True)
    return True


def _exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two folders in one step; False where the system cannot."""
    if os.name != "posix":
        return False
    library = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(one), os.fsencode(other)
    if hasattr(library, "renameat2"):
        here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
        failed = library.renameat2(here, names[0], here, names[1], ctypes.c_uint(exchange))
    elif hasattr(library, "renamex_np"):
        failed = library.renamex_np(*names, ctypes.c_uint(2))  # RENAME_SWAP
    else:
        return False
    code = ctypes.get_errno() if failed else 0
    if code and code not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP):
        raise OSError(code, os.strerror(code), str(other))
    return not failed


def clear_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove what killed processes left under temporary names.

    Args:
        folder: where they are; it may be missing.
        name: of the file or folder that was to be written; ``None`` for any.
    """
    pattern = _PART if name is None else re.compile(rf"\.{re.escape(name)}\.[0-9a-f]{{8}}\.part")
    for path in folder.iterdir() if folder.is_dir() else ():
        if not pattern.fullmatch(path.name):
            continue
        with _held(path, wait=False) as handle:  # none where a living process works on it
            if handle is not None and path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            elif handle is not None:
                path.unlink(missing_ok=True)


@contextmanager
def _part_folder(target: Path) -> Iterator[Path]:
    """Make a folder under a temporary name, and hold its lock, by which others know it is in work."""
    target = Path(os.path.abspath(target))
    while True:
        part = _part_of(target)
        part.mkdir()
        with _held(part):
            if not part.is_dir():  # taken for a leftover before it was locked
                continue
            try:
                yield part
            finally:
                shutil.rmtree(part, ignore_errors=True)
            return


def _open_part(path: Path) -> tuple[Path, IO[bytes]]:
    """Open a file under a temporary name, locked as :func:`_part_folder` locks a folder."""
    while True:
        part = _part_of(path)
        file = part.open("xb")
        _flock(file.fileno())
        if part.exists():
            return part, file
        file.close()


@contextmanager
def _held(path: Path, *, wait: bool = True) -> Iterator[int | None]:
    """Lock a file or folder by itself; gives None where it is gone, locked or cannot be locked."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        yield None
        return
    try:
        yield handle if _flock(handle, wait=wait) else None
    finally:
        os.close(handle)


def _is_mount(path: Path) -> bool:
    """Whether something is mounted there, a folder of the same file system too."""
    if os.path.ismount(path):
        return True
    try:
        mounts = Path("/proc/self/mountinfo").read_bytes().splitlines()
    except OSError:
        return False
    real = os.fsencode(os.path.realpath(path))
    places = (line.split(b" ")[4] for line in mounts)
    return real in (re.sub(rb"\\(\d{3})", lambda m: bytes([int(m[1], 8)]), p) for p in places)


def _is_current(path: Path) -> bool:
    """Whether a folder is the current one, or holds it."""
    return Path(os.path.realpath(os.curdir)).is_relative_to(os.path.realpath(path))


def _part_of(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")


def _previous(target: Path) -> Path:
    return target.with_name(f".{target.name}-previous")


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk; without it a rename may be lost with the power."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # file systems without it
            raise
    finally:
        os.close(handle)


# ---- folders: reading -------------------------------------------------------------------------


def read_folder(
    folder: Path, kind: FolderKind, read: Callable[[frozenset[str]], T], *, verify: bool = True
) -> T:
    """Read a folder in one state, also while another process replaces it.

    Every file is compared with the manifest first: its size always, its SHA-256 with ``verify``. If the
    folder was replaced before ``read`` returned, all of it is done again on the new one.

    Args:
        folder: what :func:`write_folder` wrote.
        kind: of the folder.
        read: given the names of its files; returns what it read.
        verify: compare checksums, which reads every file once.

    Raises:
        TopicForgeError: ``kind.error`` for a folder that is missing or damaged; what ``read`` raises.
    """
    for _ in range(_TRIES):
        before = _state(folder)
        try:
            files = _checked(folder, kind, verify)
            result = read(files)
        except (TopicForgeError, OSError):
            if before is not None and _state(folder) == before:
                raise
            if before is None and not _previous(folder.absolute()).is_dir():
                raise
        else:
            if _state(folder) == before:
                return result
        time.sleep(_PAUSE)
    old = _previous(folder.absolute())
    if old.is_dir() and not folder.exists():
        raise kind.error(
            f"{folder}: was being replaced when the program was stopped; its old state is whole: rename "
            f"{old} to {folder}"
        )
    raise kind.error(f"{folder}: is being replaced again and again; try it later")


def is_kind(folder: Path, kind: FolderKind) -> bool:
    """Whether a folder has a manifest of this kind."""
    try:
        _manifest(folder, kind)
    except (TopicForgeError, OSError):
        return False
    return True


def _state(folder: Path) -> tuple[int, ...] | None:
    """What changes when a folder is replaced."""
    try:
        found = os.stat(folder / MANIFEST)
        return os.stat(folder).st_ino, found.st_ino, found.st_mtime_ns, found.st_size
    except OSError:
        return None


def _checked(folder: Path, kind: FolderKind, verify: bool) -> frozenset[str]:
    files = _manifest(folder, kind)
    for name, known in files.items():
        path = folder / name
        try:
            handle = _open_regular(path)
        except OSError as error:
            raise kind.error(f"{path}: can't be read: {error.strerror or error}") from error
        with os.fdopen(handle, "rb") as file:
            size = os.fstat(handle).st_size
            if size != known["bytes"]:
                raise kind.error(
                    f"{path}: must have {known['bytes']} bytes, got {size}; it is truncated, or of another "
                    f"{kind.name}"
                )
            if verify and hashlib.file_digest(file, "sha256").hexdigest() != known["sha256"]:
                raise kind.error(
                    f"{path}: is not what was written: its SHA-256 differs from that in {MANIFEST}"
                )
    return frozenset(files)


def _manifest(folder: Path, kind: FolderKind) -> dict[str, dict[str, Any]]:
    """Return name -> size and checksum of each file of a folder."""
    path = folder / MANIFEST
    try:
        read = json.loads(read_bytes(path))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise kind.error(
            f"{folder}: must be a {kind.name} folder, but it holds no {MANIFEST}; {kind.made_by} writes one"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise kind.error(f"{path}: can't be read: {error}; was it truncated?") from error
    found = read.get("kind") if isinstance(read, dict) else None
    files = read.get("files") if isinstance(read, dict) else None
    if found != kind.name or read.get("format") != _FORMAT or not isinstance(files, dict):
        raise kind.error(
            f"{path}: must be of a {kind.name} folder in format {_FORMAT}, got {found!r:.40}; "
            f"{kind.made_by} writes one"
        )
    # folders of topicforge before 0.1 have none
    if read.get("sha256", _of_list(files)) != _of_list(files):
        raise kind.error(f"{path}: is not what was written: its list of files has another checksum")
    for name, known in files.items():
        place = PurePosixPath(name)
        inside = name == place.as_posix() and not place.is_absolute() and ".." not in place.parts
        if not (inside and isinstance(known, dict) and {"bytes", "sha256"} <= set(known)):
            raise kind.error(f"{path}: is damaged at {name!r:.80}")
    return files


def _foreign(folder: Path, kind: FolderKind) -> str | None:
    """Say what keeps a folder from being replaced, or ``None``; an empty one may be."""
    if not any(folder.iterdir()):
        return None
    try:
        files = _manifest(folder, kind)
    except kind.error:
        return f"holds other files, and no {MANIFEST} of a {kind.name}"
    known = {folder / MANIFEST, *(folder / name for name in files)}
    folders = {parent for path in known for parent in path.parents}
    for path in folder.rglob("*"):
        plain = path in folders if path.is_dir() else path in known
        if path.is_symlink() or not plain:
            return f"holds {path.relative_to(folder).as_posix()!r}, which {MANIFEST} does not list"
    return None


def _open_regular(path: Path) -> int:
    """Open for reading without waiting for the writer of a pipe."""
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "must be a regular file", str(path))
    return handle


# ---- folders that grow ------------------------------------------------------------------------


@contextmanager
def claim_folder(
    folder: Path, mark: str, record: Mapping[str, Any], what: str
) -> Iterator[dict[str, Any]]:
    """Hold a folder that is filled over time; begin it, or find what an earlier run began there.

    Args:
        folder: new, empty, or begun before.
        mark: the file by which such a folder is known.
        record: what tells this work from another, for a new folder.
        what: the folder holds, in messages.

    Yields:
        The record of the folder, as JSON holds it: the given one where it is new.

    Raises:
        OutputError: the folder holds something else.
        StorageError: another process works in it, its mark is damaged, or it cannot be written.
    """
    path = folder / mark
    check_claim(folder, mark, what)
    with locked(folder / _LOCK, folder):
        check_claim(folder, mark, what)
        with writing_to(folder):
            clear_leftovers(folder)
            if not os.path.lexists(path):
                write_json(path, record)
        yield read_claim(folder, mark, what)


def check_claim(folder: Path, mark: str, what: str) -> None:
    """See that :func:`claim_folder` will find nothing else in its place, before the work begins.

    Raises:
        OutputError: the folder holds something else.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise OutputError(f"{folder}: must be a folder or new, but is a file; choose another place")
    if os.path.lexists(folder / mark) or not folder.is_dir():
        return
    strange = [p.name for p in folder.iterdir() if p.name != _LOCK and not _PART.fullmatch(p.name)]
    if strange:
        raise OutputError(
            f"{folder}: must be new, empty or hold {what}, but it holds {min(strange)!r} and no {mark}; "
            "choose another folder"
        )


def read_claim(folder: Path, mark: str, what: str) -> dict[str, Any]:
    """Return the record of a folder that :func:`claim_folder` began.

    Raises:
        StorageError: it is missing or damaged.
    """
    path = folder / mark
    try:
        found = json.loads(read_bytes(path))
        if not isinstance(found, dict):
            raise ValueError(f"it holds {type(found).__name__}")
    except (OSError, ValueError, RecursionError) as error:
        raise StorageError(
            f"{path}: must describe {what}, but can't be read ({error}); remove the folder, or "
            "choose another"
        ) from error
    return found
