"""Processes of one machine read what the others wrote, round after round."""

import pytest
import torch


@pytest.mark.usefixtures("shares_memory")
def test_everyone_reads_what_all_wrote_in_this_round(processes):
    for result in processes.of("written"):
        assert result["wrong"] == 0
        assert result["fits"] == (True, False)


@pytest.mark.usefixtures("shares_memory")
def test_collectives_on_the_board_are_those_over_gloo(processes):
    found = processes.of("on the board")
    for result in found:
        for name, expected in result["gloo"].items():
            # sums of as many numbers as there are processes, in another order
            torch.testing.assert_close(result["board"][name], expected, rtol=1e-14, atol=1e-14)
        assert torch.equal(result["board"]["mean"], found[0]["board"]["mean"])
        ranks = torch.arange(processes.world)
        assert torch.equal(result["agreed"], torch.stack([ranks, 2 * ranks]))


@pytest.mark.usefixtures("shares_memory")
def test_a_process_that_ended_is_named(processes):
    *waiting, _ = processes.of("left")
    for said in waiting:
        assert f"process {processes.world - 1} ended" in said
        assert "distributed.the test" in said
