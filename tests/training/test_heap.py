"""Large blocks come back without page faults while training, and leave afterwards."""

import ctypes
import subprocess
import sys

import pytest

from topicforge.training import heap
from topicforge.training.heap import freed_memory_stays

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"),
    reason="only glibc's heap is told anything",
)
SIZE = 48 << 20  # more than glibc ever keeps by itself


#: in a process of its own, whose heap nobody has used before
SCRIPT = """
import resource, torch
from topicforge.training.heap import freed_memory_stays

def faults():
    seen = []
    for _ in range(8):  # the first rounds find a place on the heap
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        torch.ones({size} // 4)
        seen.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return min(seen)

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

print(faults())
before = resident()
with freed_memory_stays():
    print(faults())
    print(resident() - before)
print(resident() - before)
"""


def test_a_block_is_used_again_inside_and_given_back_afterwards():
    command = [sys.executable, "-c", SCRIPT.format(size=SIZE)]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    outside, inside, kept, left = map(int, ran.stdout.split())
    largest_pages = SIZE / (2 << 20)
    assert inside < largest_pages <= outside
    assert left < SIZE / 2 < kept


class Recorder:
    def __init__(self):
        self.said = []

    def mallopt(self, parameter, value):
        self.said.append((parameter, value))

    def malloc_trim(self, pad):
        self.said.append(("trim", pad))


def test_the_last_to_leave_gives_back_and_an_error_leaves_too(monkeypatch):
    library = Recorder()
    monkeypatch.setattr(heap, "_glibc", lambda: library)
    asked = [(-4, 0), (-1, -1)]
    with freed_memory_stays():
        with pytest.raises(KeyError), freed_memory_stays():
            raise KeyError
        assert library.said == asked
    assert library.said == [*asked, (-4, 65536), (-1, 64 << 20), ("trim", 0)]


def test_elsewhere_nothing_is_said(monkeypatch):
    monkeypatch.setattr(heap, "_glibc", lambda: None)
    with freed_memory_stays():
        assert heap._inside == 0
