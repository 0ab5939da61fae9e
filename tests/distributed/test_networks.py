"""N processes with B / N documents each take the step that one with B takes, mix by mix."""

import pytest
import torch
from many_networks import MIXES, SPLITS, TORCHS, network, step

_ALONE = {}


def alone(mix, documents):
    """The single process' step: no share, no group."""
    key = mix, documents
    if key not in _ALONE:
        _ALONE[key] = step(mix, documents)
    return _ALONE[key]


@pytest.mark.parametrize("mix", MIXES)
def test_loss_gradients_and_running_statistics_are_the_single_process(processes, mix):
    for split, documents in SPLITS[processes.world].items():
        same(alone(mix, sum(documents)), processes.of(f"{mix} {split}"))


@pytest.mark.parametrize("mix", TORCHS)
def test_torchs_data_parallel_takes_the_same_step(processes, mix):
    documents = SPLITS[processes.world]["empty"]
    same(alone(mix, sum(documents)), processes.of(f"ddp {mix}"))


def same(expected, found):
    rows = {name for name in expected if "log_theta" in name}
    for name in expected.keys() - rows:
        for result in found:
            # float64 sums in another order; logits and statistics multiply their rounding
            torch.testing.assert_close(result[name], expected[name], rtol=1e-8, atol=1e-10)
            assert torch.equal(result[name], found[0][name]), f"{name} differs between processes"
    # a document's theta comes from its noise, which does not depend on who has the document
    for name in rows:
        together = torch.cat([result[name] for result in found])
        torch.testing.assert_close(together, expected[name], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("mix", MIXES)
def test_what_is_compared_is_not_zero(mix):
    """Every part of a mix takes part: noise is on, and all that can learn has a gradient."""
    found = alone(mix, 12)
    built = network(mix)
    assert not torch.equal(found["0 log_theta"], found["1 log_theta"])  # same documents, new noise
    unused = [
        name
        for name, parameter in built.named_parameters()
        if parameter.requires_grad and not found.get(f"0 gradient of {name}", torch.zeros(1)).any()
    ]
    assert unused == []
