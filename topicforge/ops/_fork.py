"""Threads after a fork.

GNU OpenMP, on which PyTorch, the native operators and scikit-learn's k-means run, keeps its threads
from one parallel loop to the next. A forked process inherits the record of them but not the threads,
and its first parallel loop waits for them for ever. So they are ended before a fork
(``omp_pause_resource_all`` of OpenMP 5.0, section 3.2.44): parent and child start new ones when they
need some, and both compute with as many as before.

Where a library is older than that, or the fork happens inside a parallel loop, the child gets one
thread.
"""

import os
import sys
from typing import Any

_PAUSE_SOFT = 1

_ended = True


def _openmp() -> Any:
    """The GNU OpenMP libraries of this process; there may be one of torch and one of scikit-learn."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(prefix="libgomp")


def _end_threads() -> None:
    global _ended
    _ended = True
    if "torch" not in sys.modules:
        return
    for library in _openmp().lib_controllers:
        pause = getattr(library.dynlib, "omp_pause_resource_all", None)
        if pause is None or pause(_PAUSE_SOFT) != 0:
            _ended = False


def _keep_to_one_thread() -> None:
    if _ended:
        return
    import torch

    torch.set_num_threads(1)
    _openmp().limit(limits=1)


def mend_forks() -> None:
    """Let the children of every later fork of this process compute."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_end_threads, after_in_child=_keep_to_one_thread)
