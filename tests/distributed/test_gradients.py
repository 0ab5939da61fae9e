"""Gradients averaged in shared memory against torch's own engine over gloo."""

import sys

import pytest
import torch
from many_gradients import STEPS, network


def test_shared_memory_gives_the_averages_of_torchs_engine(processes):
    if sys.platform != "linux":
        pytest.skip("files in memory are at /dev/shm on Linux alone")
    found = processes.of("averaged")
    names = [f"{step} {name}" for step in range(STEPS) for name, _ in network().named_parameters()]
    assert set(found[0]["shared"]) == set(names)
    for result in found:
        assert result["taken"]
        assert result["files"] == []
        for name in names:
            # sums of as many numbers as there are processes, in another order
            torch.testing.assert_close(
                result["shared"][name], result["plain"][name], rtol=1e-6, atol=1e-6
            )
            assert torch.equal(result["shared"][name], found[0]["shared"][name])


def test_where_it_cannot_be_done_torchs_engine_goes_on(processes):
    averages = processes.of("averaged")
    for rank, result in enumerate(processes.of("refused")):
        assert not result["float64"]
        assert not result["no memory"]
        assert not result["another machine"]
        for name, gradient in result["gradients"].items():
            assert torch.equal(gradient, averages[rank]["plain"][name])
