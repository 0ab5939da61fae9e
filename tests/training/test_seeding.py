"""What a fit draws from: its own generators, and the global ones only for a while."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from topicforge import TopicModel
from topicforge.parts.encoders import MlpEncoder
from topicforge.training import RandomState, building

COUNTS = sp.csr_array(np.random.default_rng(0).poisson(0.4, (120, 40)))


def fitted(seed, preset=None, **more):
    small = {} if preset is None else {"encoder__hidden": (16,)}
    made = TopicModel(preset, n_topics=4, epochs=6, batch_size=25, seed=seed, **{**small, **more})
    return made.fit(COUNTS)


def weights(model):
    return torch.cat([p.detach().flatten() for p in model.network_.parameters()])


@pytest.mark.parametrize("preset", [None, "d-vae", "w-lda"])
def test_fits_in_threads_are_those_of_fits_one_by_one(preset):
    seeds = range(4)
    alone = [weights(fitted(seed, preset)) for seed in seeds]
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda seed: weights(fitted(seed, preset)), seeds))
    assert torch.equal(torch.get_rng_state(), before)
    for one, other in zip(alone, together, strict=True):
        assert torch.equal(one, other)
    assert not torch.equal(alone[0], alone[1])


class Noisy(MlpEncoder):
    """Draws as PyTorch's authors do, from the global generator."""

    def forward(self, batch):
        q = super().forward(batch)
        if self.training:
            q.loc = torch.nn.functional.dropout(q.loc, 0.2) + torch.randn(q.loc.shape)
        return q


def test_a_part_that_draws_from_the_global_generator_repeats_and_leaves_it_alone():
    before = torch.get_rng_state()
    first, second = (fitted(3, encoder=Noisy, encoder__hidden=(8,)) for _ in range(2))
    other = fitted(4, encoder=Noisy, encoder__hidden=(8,))
    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(other))
    assert torch.equal(torch.get_rng_state(), before)


def test_partial_fits_with_global_draws_are_one_fit():
    many = TopicModel(n_topics=4, batch_size=25, encoder=Noisy, encoder__hidden=(8,), epochs=6)
    for _ in range(6):
        torch.manual_seed(99)  # what others do between is nothing to it
        many.partial_fit(COUNTS)
    assert torch.equal(weights(many), weights(fitted(0, encoder=Noisy, encoder__hidden=(8,))))


def test_the_last_of_overlapping_fits_puts_the_callers_state_back():
    before = torch.get_rng_state()
    inside, leave = threading.Barrier(3), [threading.Event(), threading.Event()]

    def fit(number):
        with RandomState(number).active():
            inside.wait(60)
            leave[number].wait(60)

    with ThreadPoolExecutor(2) as pool:
        fits = [pool.submit(fit, number) for number in range(2)]
        inside.wait(60)
        leave[0].set()
        fits[0].result()
        assert not torch.equal(torch.get_rng_state(), before)
        leave[1].set()
    assert torch.equal(torch.get_rng_state(), before)


def test_processes_share_a_generator_and_no_global_state():
    draws = []
    for rank in range(3):
        random = RandomState(7, rank=rank)
        with random.active():
            state = random.state()
            draws.append((state["own.cpu"], torch.randn(3)))
            random.restore(state)
            assert torch.equal(torch.randn(3), draws[0][1]) == (rank == 0)
    assert all(torch.equal(own, draws[0][0]) for own, _ in draws)
    assert len({tuple(noise.tolist()) for _, noise in draws}) == 3


def test_building_repeats_whatever_the_global_state_is():
    found = []
    for seed in (5, 6):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        with building(2**70):
            found.append(torch.nn.Linear(3, 2).weight)
        assert torch.equal(torch.get_rng_state(), before)
    assert torch.equal(*found)


#: page faults of an array of 8 MB before and after a fit, in a process of its own
TRACE = """
import resource, sys
import numpy as np, scipy.sparse as sp
from topicforge import TopicModel

def faults():
    seen = []
    for _ in range(8):  # the first ones find a place on the heap
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        np.ones(1 << 20)
        seen.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return min(seen)

before = faults()
TopicModel("nvdm-gsm", n_topics=4, epochs=1, encoder__hidden=(64,), decoder__width=8).fit(
    sp.random_array((200, 60_000), density=1e-3, random_state=0, format="csr")
)
print(before, faults())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts page faults as Linux does")
def test_a_fit_leaves_no_trace_in_malloc():
    command = [sys.executable, "-W", "ignore", "-c", TRACE]
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    before, after = map(int, ran.stdout.split())
    assert after <= before + 2
