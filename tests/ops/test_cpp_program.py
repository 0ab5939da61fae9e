"""Scripted modules saved here, loaded and run by a C++ program that links LibTorch."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
import torch
from mixture_cases import Case
from op_checks import scripting
from sparse_cases import Case as SparseCase
from torch import Tensor, nn

from topicforge.ops import (
    _library,
    diffusion_kernel,
    diffusion_mmd,
    mixture_kl_bound,
    mixture_log_prob,
    mixture_responsibilities,
    product_multinomial_nll,
    sparse_linear,
    sparse_multinomial_nll,
)

_SOURCE = Path(__file__).resolve().parents[1] / "csrc" / "run_scripted.cpp"


class Discrepancy(nn.Module):
    """MMD and kernel matrix of two fixed samples."""

    def __init__(self, log_q: Tensor, log_p: Tensor) -> None:
        super().__init__()
        self.register_buffer("log_q", log_q)
        self.register_buffer("log_p", log_p)

    def forward(self) -> Tensor:
        value = diffusion_mmd(self.log_q, self.log_p)
        return torch.cat([value.view(1), diffusion_kernel(self.log_q, self.log_p).flatten()])


class Mixture(nn.Module):
    """The three mixture operators on one fixed batch."""

    def __init__(self, tensors: list[Tensor]) -> None:
        super().__init__()
        names = ("loc", "log_var", "z", "mix_loc", "mix_log_var", "log_weight")
        for name, x in zip(names, tensors, strict=True):
            self.register_buffer(name, x)

    def forward(self) -> Tensor:
        bound = mixture_kl_bound(
            self.loc, self.log_var, self.z, self.mix_loc, self.mix_log_var, self.log_weight
        )
        log_prob = mixture_log_prob(self.z, self.mix_loc, self.mix_log_var, self.log_weight)
        shares = mixture_responsibilities(self.z, self.mix_loc, self.mix_log_var, self.log_weight)
        return torch.cat([bound, log_prob, shares.flatten()])


class Counts(nn.Module):
    """The operators on sparse counts on one fixed batch."""

    def __init__(self, case: SparseCase) -> None:
        super().__init__()
        dtype = torch.float32
        for name, x in zip(("crow", "col", "count"), case.counts(dtype), strict=True):
            self.register_buffer(name, x)
        self.register_buffer("theta", case.theta(dtype))
        self.register_buffer("topic_word", case.topic_word(dtype))
        self.register_buffer("bias", case.normal(case.V, dtype=dtype))
        self.register_buffer("narrow", case.normal(case.K, dtype=dtype))

    def forward(self) -> Tensor:
        mixed = sparse_multinomial_nll(self.crow, self.col, self.count, self.theta, self.topic_word)
        product = product_multinomial_nll(
            self.crow, self.col, self.count, self.theta, self.topic_word, self.bias
        )
        layer = sparse_linear(self.crow, self.col, self.count, self.topic_word, self.narrow)
        return torch.cat([mixed, product, layer.flatten()])


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The C++ program, compiled against torch's own headers and libraries."""
    status = _library.libraries()["cpu"]
    if not status.loaded:
        pytest.skip(status.why)
    compiler = shutil.which(os.environ.get("CXX", "c++"))
    if compiler is None:
        pytest.skip("no C++ compiler on the PATH")
    torch_folder = Path(torch.__file__).parent
    libraries = torch_folder / "lib"
    target = tmp_path_factory.mktemp("program") / "run_scripted"
    abi = int(torch.compiled_with_cxx11_abi())
    command = [
        compiler, "-std=c++17", "-O0", f"-D_GLIBCXX_USE_CXX11_ABI={abi}", str(_SOURCE),
        f"-I{torch_folder / 'include'}", f"-I{torch_folder / 'include/torch/csrc/api/include'}",
        f"-L{libraries}", "-ltorch", "-ltorch_cpu", "-lc10", "-ldl",
        f"-Wl,-rpath,{libraries}", "-Wl,--no-as-needed", "-o", str(target),
    ]  # fmt: skip
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr[-3000:]
    return target


@scripting
def test_a_program_without_python_gets_the_same_numbers(program: Path, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    log_q, log_p = torch.log_softmax(torch.randn(2, 7, 5, generator=generator), -1)
    modules = [
        Discrepancy(log_q, log_p),
        Mixture(Case(5, 3, 4).posterior(torch.float64, "cpu")),
        Counts(SparseCase(6, 9, 5)),
    ]
    paths = []
    for i, module in enumerate(modules):
        paths.append(str(tmp_path / f"module{i}.pt"))
        torch.jit.script(module).save(paths[-1])
    library = str(_library.libraries()["cpu"].path)
    result = subprocess.run(
        [str(program), library, *paths], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    lines = result.stdout.strip().splitlines()
    assert len(lines) == len(modules)
    for line, module in zip(lines, modules, strict=True):
        assert [float(x) for x in line.split()] == module().double().tolist()
