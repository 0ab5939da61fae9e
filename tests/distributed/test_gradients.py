"""Gradients averaged in shared memory against torch's own engine over gloo."""

import pytest
import torch
from many_gradients import STEPS, network


@pytest.mark.parametrize("kind", ["copied", "shared"])
@pytest.mark.usefixtures("shares_memory")
def test_shared_memory_gives_the_averages_of_torchs_engine(processes, kind):
    found = processes.of("averaged")
    names = [f"{step} {name}" for step in range(STEPS) for name, _ in network().named_parameters()]
    needed = [name for name in names if "unused" not in name]
    assert any("rare" in name for name in needed)
    for result in found:
        assert set(result[kind]) == set(needed)
        assert result["names"] == 0  # nothing is left behind, however the processes end
        for name in needed:
            # sums of as many numbers as there are processes, in another order
            torch.testing.assert_close(
                result[kind][name], result["plain"][name], rtol=1e-6, atol=1e-6
            )
            assert torch.equal(result[kind][name], found[0][kind][name])


@pytest.mark.usefixtures("shares_memory")
def test_what_may_be_written_to_is_each_process_own(processes):
    for rank, result in enumerate(processes.of("averaged")):
        for name, gradient in result["written"].items():
            assert torch.equal(gradient, result["copied"][f"{STEPS - 1} {name}"] + rank)


def test_where_it_cannot_be_done_nobody_has_it(processes):
    for result in processes.of("refused"):
        assert all(result.values()), result
