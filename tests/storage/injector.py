"""Stops or fails a piece of work before its n-th operation on files, for every n there is."""

import errno
import os
import signal
import warnings
from contextlib import contextmanager

from topicforge import storage

#: where the operations are looked up when they are called
OPERATIONS = (
    (os, "rename"), (os, "replace"), (os, "fsync"), (os, "mkdir"), (os, "unlink"), (os, "rmdir"),
    (os, "ftruncate"), (storage, "_exchange"),
)  # fmt: skip
#: a full disk does not keep files from being removed
REMOVING = ("unlink", "rmdir", "ftruncate")


@contextmanager
def before_each(act):
    """Call ``act(name, arguments)`` before each operation of the block."""
    kept = [(module, name, getattr(module, name)) for module, name in OPERATIONS]

    def acting(name, operation):
        def run(*args, **named):
            act(name, args)
            return operation(*args, **named)

        return run

    try:
        for module, name, operation in kept:
            setattr(module, name, acting(name, operation))
        yield
    finally:
        for module, name, operation in kept:
            setattr(module, name, operation)


def operations(work):
    """Do the work and return the names of its operations in order."""
    done = []
    with before_each(lambda name, _: done.append(name)):
        work()
    return done


def killed_before(number, work):
    """Do the work in a child that is killed before its operation ``number``; False if it ended."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", DeprecationWarning
        )  # forking beside threads; it only writes
        child = os.fork()
    if child == 0:
        left = [number]

        def count(*_):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            with before_each(count):
                work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def kills(work, prepare=lambda: None):
    """Kill the work before each of its operations; yields their number after each kill."""
    number = 0
    while True:
        prepare()
        if not killed_before(number, work):
            return
        yield number
        number += 1


@contextmanager
def failing_at(number, code=errno.ENOSPC):
    """Have operation ``number`` of the block raise an error, those that remove files not counted."""
    left = [number]

    def act(name, _):
        if name not in REMOVING:
            left[0] -= 1
            if left[0] == -1:
                raise OSError(code, os.strerror(code))

    with before_each(act):
        yield
