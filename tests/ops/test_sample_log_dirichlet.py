"""Dirichlet samples in log space: the stream, the distribution, native against reference."""

from pathlib import Path

import pytest
import torch
from op_checks import compiling, exported, ready, scripted, scripting, strided, threads
from scipy import stats
from torch import Tensor

from topicforge.errors import InputError, OptionError
from topicforge.ops import sample_log_dirichlet
from topicforge.ops.reference.philox import philox, uniform

NAME = "sample_log_dirichlet"
IMPLS = ["reference", *[pytest.param("native", marks=p.marks) for p in ready(NAME)[:1]]]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_philox_against_its_authors_known_answers() -> None:
    # Random123's kat_vectors, philox4x32 with 10 rounds.
    zero, ones = torch.tensor([0]), torch.tensor([-1])
    came = [int(x) for x in philox(zero[0], zero, 0, 0)]
    assert came == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    came = [int(x) for x in philox(ones[0], ones, 0xFFFFFFFF, 0xFFFFFFFF)]
    assert came == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def test_uniform_never_reaches_an_end() -> None:
    low, high = torch.tensor([0]), torch.tensor([0xFFFFFFFF])
    assert float(uniform(low, low)) == 2.0**-53
    assert 0.0 < 1.0 - float(uniform(high, high)) <= 2.0**-53


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("alpha", [1e-3, 0.02, 0.3, 1.0, 10.0])
def test_marginals_are_beta(impl: str, alpha: float) -> None:
    # theta_k ~ Beta(α, (K - 1) α). Tested where the distribution function is continuous in
    # double: log theta against log of a Beta, by its own distribution function.
    K, n = 4, 4000
    log_theta = sample_log_dirichlet(
        torch.full((K,), alpha, dtype=torch.float64), n, generator(1), impl=impl
    )
    for k in range(K):
        share = log_theta[:, k].exp().numpy()
        probability = stats.beta.cdf(share, alpha, (K - 1) * alpha)
        # Where 1 - theta is below rounding, the distribution function is a step: leave it out by
        # comparing only below its last double.
        top = stats.beta.cdf(1.0 - 1e-15, alpha, (K - 1) * alpha)
        inside = probability[probability < top]
        assert abs(len(inside) / n - top) < 5 * (top * (1 - top) / n) ** 0.5 + 1e-12
        # Also left out: theta that underflows, where the logarithm is what counts.
        bottom = stats.beta.cdf(1e-300, alpha, (K - 1) * alpha)
        inside = inside[inside > bottom]
        if len(inside) > 100:
            assert stats.kstest(inside, stats.uniform(bottom, top - bottom).cdf).pvalue > 1e-3


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("alpha", [1e-3, 0.02, 0.3])
def test_small_components_follow_the_power_law(impl: str, alpha: float) -> None:
    # K = 2: theta_1 ~ Beta(α, α), whose distribution function near 0 is t^α / (α B(α, α)): in logs
    # an exponential tail of rate α, also far below the smallest double.
    n = 4000
    log_theta = sample_log_dirichlet(
        torch.full((2,), alpha, dtype=torch.float64), n, generator(2), impl=impl
    )
    tail = -log_theta[log_theta[:, 0] < -25.0, 0].numpy() - 25.0
    assert len(tail) > (1000 if alpha < 0.1 else 0)
    if len(tail):
        assert stats.kstest(tail, stats.expon(scale=1.0 / alpha).cdf).pvalue > 1e-3


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_moments(impl: str, dtype: torch.dtype) -> None:
    alpha = torch.tensor([1e-3, 0.05, 0.5, 2.0, 10.0], dtype=dtype)
    n = 20_000
    theta = sample_log_dirichlet(alpha, n, generator(3), impl=impl).exp().double()
    law = stats.dirichlet(alpha.double().numpy())
    deviation = torch.from_numpy(law.var()).sqrt()
    # The mean of n within five of its standard deviations, the covariance likewise (its entries
    # are means of bounded products).
    assert ((theta.mean(0) - torch.from_numpy(law.mean())).abs() < 5 * deviation / n**0.5).all()
    assert torch.allclose(torch.cov(theta.T), torch.from_numpy(law.cov()), atol=5 / n**0.5 * 0.05)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("alpha", [1e-30, 1e-3, 1e8])
def test_rows_are_normalised_at_any_concentration(
    impl: str, dtype: torch.dtype, alpha: float
) -> None:
    log_theta = sample_log_dirichlet(torch.full((7,), alpha, dtype=dtype), 500, impl=impl)
    assert log_theta.dtype == dtype
    assert not log_theta.isnan().any()
    assert (log_theta <= 0).all()
    total = torch.logsumexp(log_theta, 1)
    assert total.abs().max() < 10 * torch.finfo(dtype).eps
    if alpha < 1e-2:  # one component has all but nothing; which one is uniform
        winners = log_theta.argmax(1).bincount(minlength=7)
        assert stats.chisquare(winners.numpy()).pvalue > 1e-3


@pytest.mark.parametrize("device", ready(NAME))
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n", "K"), [(0, 3), (1, 1), (33, 17), (1000, 50)])
def test_native_draws_what_the_reference_draws(
    device: str, dtype: torch.dtype, n: int, K: int
) -> None:
    alpha = torch.logspace(-3, 2, K, dtype=dtype, device=device)
    draws = [
        sample_log_dirichlet(alpha, n, torch.Generator(device).manual_seed(4), impl=impl)
        for impl in ("native", "reference")
    ]
    assert draws[0].shape == (n, K)
    # Logarithms down to -4e4, each a few roundings off.
    assert torch.allclose(draws[0], draws[1], rtol=1e-6 if dtype == torch.float32 else 1e-13)


@pytest.mark.parametrize("impl", IMPLS)
def test_the_generator_decides(impl: str) -> None:
    alpha = torch.full((5,), 0.1)
    source = generator(5)
    first, second = (sample_log_dirichlet(alpha, 20, source, impl=impl) for _ in range(2))
    assert torch.equal(first, sample_log_dirichlet(alpha, 20, generator(5), impl=impl))
    assert not torch.equal(first, second)
    torch.manual_seed(6)
    default = sample_log_dirichlet(alpha, 20, impl=impl)
    torch.manual_seed(6)
    assert torch.equal(default, sample_log_dirichlet(alpha, 20, impl=impl))
    # A sample is a prefix of a larger one: element i depends on the seed and on i alone.
    larger = sample_log_dirichlet(alpha, 40, generator(5), impl=impl)
    assert torch.equal(larger[:20], first)


@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_any_number_of_threads_and_strides(device: str) -> None:
    alpha = torch.logspace(-2, 1, 13, device=device)
    draws = []
    for count in (1, 2, 3, 5):
        with threads(count):
            draws.append(sample_log_dirichlet(alpha, 200, generator(7), impl="native"))
    draws.append(sample_log_dirichlet(strided(alpha), 200, generator(7), impl="native"))
    assert all(torch.equal(draws[0], other) for other in draws[1:])


@pytest.mark.parametrize("device", ready(NAME))
def test_opcheck_half_and_autocast(device: str) -> None:
    for dtype in (torch.float32, torch.float64):
        args = (
            torch.rand(5, dtype=dtype, device=device) + 0.1,
            3,
            torch.tensor([11], device=device),
        )
        torch.library.opcheck(torch.ops.topicforge.sample_log_dirichlet.default, args)
    with torch.autocast(device, dtype=torch.bfloat16):
        alpha = torch.full((3,), 0.5, dtype=torch.float16, device=device)
        assert sample_log_dirichlet(alpha, 4, impl="native").dtype == torch.float32


@compiling
@pytest.mark.parametrize("impl", IMPLS)
def test_compile_and_export(impl: str) -> None:
    alpha = torch.logspace(-2, 1, 6)

    def draw(alpha: Tensor) -> Tensor:
        return sample_log_dirichlet(alpha, 9, impl=impl)

    torch.manual_seed(8)
    eager = draw(alpha)
    for traced in (
        torch.compile(draw, fullgraph=True, backend="aot_eager"),
        exported(draw, (alpha,)),
    ):
        torch.manual_seed(8)
        assert torch.equal(traced(alpha), eager)


@scripting
@pytest.mark.parametrize("device", ready(NAME)[:1])
def test_script(device: str, tmp_path: Path) -> None:
    alpha = torch.logspace(-2, 1, 6, device=device)
    module = scripted(sample_log_dirichlet, tmp_path)
    torch.manual_seed(9)
    eager = sample_log_dirichlet(alpha, 9, impl="native")
    torch.manual_seed(9)
    assert torch.equal(module(alpha, 9, None, "auto"), eager)


@pytest.mark.parametrize("impl", IMPLS)
def test_wrong_arguments_say_so(impl: str) -> None:
    alpha = torch.full((3,), 0.5)
    for wrong in ([0.5, 0.0, 1.0], [0.5, -1.0, 1.0], [0.5, torch.inf, 1.0], [torch.nan, 1.0, 1.0]):
        with pytest.raises(InputError, match="positive and finite"):
            sample_log_dirichlet(torch.tensor(wrong), 2, impl=impl)
    with pytest.raises(InputError, match=r"must have shape \(K,\)"):
        sample_log_dirichlet(alpha[None], 2, impl=impl)
    with pytest.raises(InputError, match="K ≥ 1"):
        sample_log_dirichlet(alpha[:0], 2, impl=impl)
    with pytest.raises(InputError, match="n must be ≥ 0"):
        sample_log_dirichlet(alpha, -1, impl=impl)
    with pytest.raises(InputError, match=r"concentration gets no gradient.*Dirichlet"):
        sample_log_dirichlet(alpha.requires_grad_(), 2, impl=impl)
    with pytest.raises(OptionError, match="impl must be one of"):
        sample_log_dirichlet(alpha.detach(), 2, impl="quick")
