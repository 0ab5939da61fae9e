"""A fit by several processes is the fit of one process with their batches together."""

import functools

import many_training
import pytest
import torch


@functools.cache
def alone(name):
    return many_training.fit(name)


@pytest.mark.parametrize("name", many_training.FITS)
def test_processes_train_what_one_process_trains(processes, name):
    _same(processes.of(f"fit {name}"), alone(name), name)


def test_parts_that_draw_for_themselves_train_one_model_from_noise_of_their_own(processes):
    found, one = processes.of("fit foreign"), many_training.fit_foreign(0)
    assert len(one["history"]) == 2
    for result in found:
        assert result["untouched"]
        assert result["history"].isfinite().all()
        for name, value in result.items():
            if name.startswith(("network", "history")):
                assert value.shape == one[name].shape
                assert torch.equal(value, found[0][name]), name
    # the first process draws what a single one draws, and no two draw the same
    draws = [tuple(result["drawn"].tolist()) for result in found]
    assert draws[0] == tuple(one["drawn"].tolist())
    assert len(set(draws)) == processes.world


def _same(results, wanted, name):
    for found in results:
        assert found.keys() == wanted.keys()
        for key, value in wanted.items():
            # float32 sums in another order; Adam moves an element whose gradient is nothing but
            # rounding as far as any other, so it is the root mean square that is small
            wide = value.double()
            apart = (found[key].double() - wide).square().mean().sqrt()
            assert apart <= 1e-5 * (1 + wide.square().mean().sqrt()), f"{name}: {key}"
    for key, value in results[0].items():
        for found in results[1:]:
            assert torch.equal(found[key], value), f"{name}: {key} differs between processes"
