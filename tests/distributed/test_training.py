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


@pytest.mark.parametrize("name", many_training.APART)
def test_so_do_processes_that_share_no_memory(processes, name):
    _same(processes.of(f"fit apart {name}"), alone(name), name)


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
