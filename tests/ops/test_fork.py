"""A forked process computes what its parent computes; the parent has used two threads before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="a system without fork")

START = """
import faulthandler, os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads, from Python 3.12 on
warnings.filterwarnings("ignore", message="TopicModel: a pickled model")  # the pool pickles its work
import numpy as np
import torch
torch.set_num_threads(2)

def in_child(work, expected):
    child = os.fork()
    if child == 0:
        faulthandler.dump_traceback_later(60, exit=True)
        got = work()
        same = all(np.array_equal(np.asarray(a), np.asarray(b)) for a, b in zip(got, expected))
        os._exit(0 if same else 3)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == 0, {1: "it hung", 3: "other numbers"}.get(code, code)
"""
MODELS = """
from topicforge import TopicModel
X = np.random.default_rng(0).poisson(0.3, (1000, 300)).astype("float32")
fit = lambda: TopicModel(n_topics=8, epochs=1, seed=0).fit(X)
model = fit()
expected = [model.transform(X)]
in_child(lambda: [model.transform(X)], expected)
in_child(lambda: [fit().topic_word_], [model.topic_word_])
in_child(lambda: [fit().partial_fit(X).topic_word_], [fit().partial_fit(X).topic_word_])
assert np.array_equal(model.transform(X), expected[0]), "the parent after the forks"
from multiprocessing import get_context
with get_context("fork").Pool(2) as pool:
    for theta in pool.map(model.transform, [X, X]):
        assert np.array_equal(theta, expected[0])
found = []
def from_a_thread():
    theta = model.transform(X)
    in_child(lambda: [model.transform(X)], [theta])
    found.append(theta)
thread = threading.Thread(target=from_a_thread)
thread.start(); thread.join()
assert len(found) == 1
print(os.getpid(), "ended")
"""
OPERATORS = """
from mixture_cases import Case as Mixture
from sparse_cases import Case as Sparse
from topicforge import ops
f = torch.float32
s = Sparse(600, 900, 24)
counts = s.counts(f)
beta, bias = s.normal(900, 24, dtype=f, seed=3), s.normal(900, dtype=f, seed=4)
m = Mixture(2000, 24, 24)
z, mean = m.mixture(f, "cpu"), m.posterior(f, "cpu")
theta, log_q = s.theta(f), s.theta(f).log()
calls = {
    "sparse_linear": [counts[2], beta, beta[0]],
    "sparse_multinomial_nll": [theta, s.topic_word(f)],
    "product_multinomial_nll": [theta, beta, bias],
    "mixture_log_prob": z, "mixture_responsibilities": z, "mixture_kl_bound": mean,
    "diffusion_kernel": [log_q, log_q.flip(0)], "diffusion_mmd": [log_q, log_q.flip(0)],
}
given = {"sparse_linear": counts[:2], "sparse_multinomial_nll": counts, "product_multinomial_nll": counts}
assert set(calls) == set(ops.__all__) - {"build_kernels", "implementation", "kernels_report"}
def run(name):
    inputs = [x.clone().requires_grad_() for x in calls[name]]
    result = getattr(ops, name)(*given.get(name, ()), *inputs, impl=sys.argv[1])
    return [result.detach(), *torch.autograd.grad(result.square().sum(), inputs)]
for name in calls:
    in_child(lambda: run(name), run(name))
    print(name)
"""


def run(script, *arguments, before=""):
    here = Path(__file__).parent
    path = os.pathsep.join([str(here), str(here.parents[1])])
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", before + START + script, *arguments],
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "2"},
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.mark.parametrize("first", ["torch", "sklearn.cluster"])
def test_a_fork_transforms_and_fits(first):
    """Whichever is imported first has its own OpenMP library in use."""
    assert run(MODELS, before=f"import {first}\n").endswith("ended\n")


@pytest.mark.parametrize("impl", ["native", "reference"])
def test_a_fork_runs_every_operator(impl):
    from topicforge.ops._library import libraries

    if impl == "native" and not libraries()["cpu"].loaded:
        pytest.skip("no native library")
    assert len(run(OPERATORS, impl).split()) == 8


def test_an_openmp_that_cannot_end_its_threads_leaves_the_child_one():
    """As of GCC 8; the numbers are those of one thread then."""
    script = """
from topicforge.ops import _fork, implementation
implementation()
class Old:
    lib_controllers = [type("Library", (), {"dynlib": object()})]
found = _fork._openmp
_fork._openmp = Old
torch.ones(2000, 2000) @ torch.ones(2000, 2000)
def work():
    _fork._openmp = found
    return [torch.get_num_threads(), (torch.ones(2000, 2000) @ torch.ones(2000, 2000)).sum()]
Old.limit = lambda self, limits: print(limits, flush=True)
in_child(work, [1, torch.tensor(2000.0**3)])
print(torch.get_num_threads())
"""
    assert run(script).split() == ["1", "2"]
