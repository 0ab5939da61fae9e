"""Every public operator scripts, compiles and exports, with the native library and without one."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from mixture_cases import Case
from op_checks import compiling, exported, run, scripted, scripting
from sparse_cases import Case as SparseCase

from topicforge import ops

_COUNTS = SparseCase(7, 13, 4)
_FLOAT = torch.float32
_MIXTURE = Case(6, 3, 4)
_WORD = _COUNTS.topic_word(_FLOAT)
_BIAS = _COUNTS.normal(_COUNTS.V, dtype=_FLOAT, seed=3)
_LOG_THETA = _COUNTS.theta(_FLOAT).log()
ARGUMENTS: dict[str, list[Any]] = {
    "diffusion_kernel": [_LOG_THETA, _LOG_THETA.flip(1), 0.5],
    "diffusion_mmd": [_LOG_THETA, _LOG_THETA.flip(1), 0.5, True],
    "mixture_kl_bound": _MIXTURE.posterior(_FLOAT, "cpu"),
    "mixture_log_prob": _MIXTURE.mixture(_FLOAT, "cpu"),
    "mixture_responsibilities": _MIXTURE.mixture(_FLOAT, "cpu"),
    "product_multinomial_nll": [
        *_COUNTS.counts(_FLOAT), _COUNTS.theta(_FLOAT), _WORD, _BIAS,
    ],
    "sparse_linear": [*_COUNTS.counts(_FLOAT), _WORD, _COUNTS.theta(_FLOAT)[0]],
    "sparse_multinomial_nll": [*_COUNTS.counts(_FLOAT), _COUNTS.theta(_FLOAT), _WORD],
}  # fmt: skip
#: arguments before the first that has a gradient
_FIRST = {"product_multinomial_nll": 3, "sparse_linear": 2, "sparse_multinomial_nll": 3}


def test_every_public_operator_is_here() -> None:
    functions = {"build_kernels", "implementation", "kernels_report"}
    assert set(ARGUMENTS) == set(ops.__all__) - functions


@scripting
@compiling
@pytest.mark.parametrize("way", ["script", "compile", "export"])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_value_and_gradients_are_those_of_the_plain_call(
    name: str, way: str, tmp_path: Path
) -> None:
    function, arguments = getattr(ops, name), ARGUMENTS[name]
    if way == "script":
        saved = scripted(function, tmp_path)

        def other(*given: Any) -> Any:
            return saved(*given, "auto")  # a saved function has no defaults

    elif way == "compile":
        torch.compiler.reset()
        other = torch.compile(function, fullgraph=True, backend="aot_eager")
    else:
        other = exported(function, tuple(arguments))
    first = _FIRST.get(name, 0)
    leaves = [x for x in arguments[first:] if isinstance(x, torch.Tensor)]

    def bound(f: Any) -> Any:
        rest = arguments[first + len(leaves) :]
        return lambda *given: f(*arguments[:first], *given, *rest)

    value, gradients = run(bound(function), leaves)
    got, got_gradients = run(bound(other), leaves)
    # one operator, in another order of its roundings at most
    torch.testing.assert_close(got, value, rtol=1e-5, atol=1e-6)
    if way != "export":  # whose graphs keep no gradient rule of an autograd.Function
        torch.testing.assert_close(got_gradients, gradients, rtol=1e-5, atol=1e-6)


def test_without_the_library_too() -> None:
    if os.environ.get("TOPICFORGE_NATIVE") == "0":
        pytest.skip("this is the run without it")
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", __file__]
    run = subprocess.run(
        command,
        env={**os.environ, "TOPICFORGE_NATIVE": "0"},
        cwd=Path(__file__).resolve().parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:]
    assert f"{3 * len(ARGUMENTS) + 1} passed" in run.stdout
