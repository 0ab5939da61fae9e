"""MMD by hand and by double loops; which posteriors may use it; batches too small for pairs."""

import math

import pytest
import torch

from topicforge.contracts import Context, Latent, Pair, Samples
from topicforge.distributions import DiagonalNormal, Dirichlet, Distribution, NormalMixture, Point
from topicforge.errors import MixError, OptionError
from topicforge.parts.divergences import MmdDivergence, NoDivergence
from topicforge.parts.divergences.mmd import imq_mmd
from topicforge.parts.links import LinearSoftmaxLink, SimplexLink, SoftmaxLink


class Fixed(Distribution):
    """A prior whose samples are the rows it was given."""

    mean = None

    def __init__(self, rows, space):
        self.rows = rows
        self.space = space

    def rsample(self, n=None):
        assert n == len(self.rows)
        return self.rows


def no_rule(*types):
    """MMD looks no rule up."""
    raise AssertionError(types)


def pair(q, p, **flags):
    return Pair(Latent(q), Latent(p, **flags), True, no_rule)


def rule(q=DiagonalNormal, p=DiagonalNormal, **options):
    return MmdDivergence(**options).resolve(pair(q, p, trainable=False))


def naive_imq(x, y, scales, unbiased):
    """Eq. 10 pair by pair."""

    def kernel(a, b):
        squared = sum((i - j) ** 2 for i, j in zip(a, b, strict=True))
        return sum(2 * len(a) * s / (2 * len(a) * s + squared) for s in scales)

    def within(rows):
        n = len(rows)
        pairs = [(i, j) for i in range(n) for j in range(n) if i != j or not unbiased]
        return sum(kernel(rows[i], rows[j]) for i, j in pairs) / len(pairs)

    cross = sum(kernel(a, b) for a in x for b in y) / (len(x) * len(y))
    return within(x) + within(y) - 2 * cross


def test_imq_of_two_points_by_hand():
    """x = {0, 1}, y = {0, 2} on a line, one scale s = 1/2, so C = 1 and k = 1 / (1 + d^2).

    Within x: 2 k(1) / 2 = 1/2; within y: k(2) = 1/5. The cross sum keeps its diagonal:
    k(0) + k(2) + k(1) + k(1) = 1 + 1/5 + 1/2 + 1/2 = 11/5, times 2 / n^2 = 1/2: 11/10.
    """
    x, y = torch.tensor([[0.0], [1.0]]), torch.tensor([[0.0], [2.0]])
    assert imq_mmd(x, y, [0.5]).item() == pytest.approx(1 / 2 + 1 / 5 - 11 / 10)
    # biased: (2 + 2 * 1/2) / 4 + (2 + 2 * 1/5) / 4 - 11/10
    assert imq_mmd(x, y, [0.5], unbiased=False).item() == pytest.approx(3 / 4 + 3 / 5 - 11 / 10)


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("sizes", [(3, 3), (2, 5), (7, 4)])
def test_imq_against_a_double_loop(unbiased, sizes):
    torch.manual_seed(0)
    x, y = (torch.randn(n, 3, dtype=torch.float64) for n in sizes)
    scales = (0.1, 1.0, 10.0)
    expected = naive_imq(x.tolist(), y.tolist(), scales, unbiased)
    assert imq_mmd(x, y, scales, unbiased).item() == pytest.approx(expected, rel=1e-10)


def test_imq_keeps_its_digits_far_from_zero():
    torch.manual_seed(0)
    x, y = torch.randn(20, 8), torch.randn(20, 8)
    near = imq_mmd(x, y, [1.0])
    far = imq_mmd(x + 4096, y + 4096, [1.0])
    # the shift itself rounds coordinates to 2^-11; expanding |x|^2 there would lose units
    torch.testing.assert_close(far, near, atol=2e-3, rtol=0)


def test_imq_gradient_also_where_points_coincide():
    torch.manual_seed(0)
    x = torch.randn(4, 3, dtype=torch.float64)
    y = torch.cat([x[:2], torch.randn(2, 3, dtype=torch.float64)])
    x.requires_grad_()
    y.requires_grad_()
    assert torch.autograd.gradcheck(lambda x, y: imq_mmd(x, y, [0.2, 1.0]), (x, y))


def test_imq_tells_samples_apart():
    torch.manual_seed(0)
    x, same, other = torch.randn(300, 4), torch.randn(300, 4), torch.randn(300, 4) + 1
    scales = MmdDivergence().scales
    assert imq_mmd(x, other, scales) > 20 * imq_mmd(x, same, scales).abs()


def diffusion(a, b, t):
    angle = math.acos(min(1.0, sum(math.sqrt(i * j) for i, j in zip(a, b, strict=True))))
    return math.exp(-(angle**2) / t)


@pytest.mark.parametrize("t", [1.0, 0.5])
@pytest.mark.parametrize("unbiased", [True, False])
def test_diffusion_by_hand_on_three_points(t, unbiased):
    q = [[0.7, 0.2, 0.1], [0.1, 0.1, 0.8], [1 / 3, 1 / 3, 1 / 3]]
    p = [[0.5, 0.25, 0.25], [0.05, 0.9, 0.05], [0.2, 0.2, 0.6]]
    n = 3

    def within(rows):
        total = sum(diffusion(rows[i], rows[j], t) for i in range(n) for j in range(n) if i != j)
        return total / (n * (n - 1)) if unbiased else (total + n) / n**2

    cross = 2 / n**2 * sum(diffusion(a, b, t) for a in q for b in p)
    log_q, log_p = (torch.tensor(rows, dtype=torch.float64).log() for rows in (q, p))
    run = rule(p=Dirichlet, t=t, unbiased=unbiased)
    got = run.compute(None, Fixed(log_p, "theta"), Samples(torch.zeros(3, 3), log_q, None))
    # the operator's interpolant is good to 1e-9
    assert got.item() == pytest.approx(within(q) + within(p) - cross, abs=1e-8)
    assert got.shape == ()


def test_a_prior_in_z_is_sent_through_the_link():
    torch.manual_seed(0)
    link = LinearSoftmaxLink(Context(vocab_size=5, n_topics=3, n_latent=2)).double()
    z, prior_z = torch.randn(2, 4, 2, dtype=torch.float64)
    run = rule(kernel="diffusion")
    got = run.compute(None, Fixed(prior_z, "z"), Samples(z, link(z), link))
    direct = run.compute(None, Fixed(link(prior_z), "theta"), Samples(z, link(z), None))
    assert got.item() == pytest.approx(direct.item(), abs=1e-12)
    assert direct.item() != 0


def test_which_kernel_runs_where():
    assert rule().space == "z"
    assert "7 inverse multiquadrics" in rule().summary
    assert rule(q=Point, p=NormalMixture).space == "z"
    for q, p in ((DiagonalNormal, Dirichlet), (Dirichlet, DiagonalNormal), (Dirichlet, Dirichlet)):
        assert rule(q=q, p=p).space == "theta"
    forced = rule(kernel="diffusion", t=0.25, unbiased=False)
    assert (forced.space, forced.exactness) == ("theta", "sample estimate")
    assert forced.summary.startswith("biased")
    assert "t = 0.25" in forced.summary
    assert not rule().per_document
    assert not forced.per_document
    with pytest.raises(MixError, match=r"posterior is in z and the prior in theta.*'diffusion'"):
        rule(p=Dirichlet, kernel="imq")


def test_learned_weights_are_refused_and_fixed_ones_are_not():
    flags = {"trainable": True, "reparameterised": False}
    for kernel in ("auto", "diffusion", "imq"):
        divergence = MmdDivergence(kernel=kernel)
        with pytest.raises(MixError, match=r"prior__learn='components'"):
            divergence.resolve(pair(DiagonalNormal, NormalMixture, **flags))
        divergence.resolve(pair(DiagonalNormal, NormalMixture, trainable=True))
        divergence.resolve(
            pair(DiagonalNormal, NormalMixture, trainable=False, reparameterised=False)
        )


def test_a_posterior_without_gradients_is_refused():
    posterior = Latent(DiagonalNormal, reparameterised=False)
    with pytest.raises(MixError, match="encoder would get no gradient"):
        MmdDivergence().resolve(Pair(posterior, Latent(Dirichlet), True, no_rule))


@pytest.mark.parametrize("kernel", ["imq", "diffusion"])
@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("rows", [0, 1, 2])
def test_small_batches_are_defined_finite_and_differentiable(kernel, unbiased, rows):
    torch.manual_seed(0)
    z = torch.randn(rows, 3, dtype=torch.float64, requires_grad=True)
    link = SoftmaxLink(Context(vocab_size=5, n_topics=3, n_latent=3))
    prior = DiagonalNormal(torch.zeros(3).double(), torch.zeros(3).double())
    value = rule(kernel=kernel, unbiased=unbiased).compute(None, prior, Samples(z, link(z), link))
    assert value.shape == ()
    assert value.isfinite()
    value.backward()
    assert z.grad.isfinite().all()
    assert rows == 0 or (z.grad.abs().sum(1) > 1e-6).all()


@pytest.mark.parametrize("unbiased", [True, False])
def test_one_document_leaves_the_cross_sum(unbiased):
    """No pairs: -2 k(q, p), and with the diagonals kept 2 k(x, x) - 2 k(q, p)."""
    z, prior_z = torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, -1.0]])
    k = 4 / (4 + 5)  # C = 2 L s = 4 for s = 1
    got = rule(kernel="imq", scales=[1.0], unbiased=unbiased).compute(
        None, Fixed(prior_z, "z"), Samples(z, z, None)
    )
    assert got.item() == pytest.approx((0 if unbiased else 2) - 2 * k)
    q, p = [0.7, 0.3], [0.2, 0.8]
    log_q, log_p = torch.tensor([q]).log(), torch.tensor([p]).log()
    got = rule(p=Dirichlet, unbiased=unbiased).compute(
        None, Fixed(log_p, "theta"), Samples(log_q, log_q, SimplexLink(Context(3, 2, 2)))
    )
    assert got.item() == pytest.approx((0 if unbiased else 2) - 2 * diffusion(q, p, 1), abs=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "rbf"}, "'kernel' must be one of auto, diffusion, imq"),
        ({"t": 0.0}, "'t' must be a number"),
        ({"t": math.inf}, "'t'"),
        ({"scales": []}, "'scales' must be one or more numbers"),
        ({"scales": 1.0}, "'scales'"),
        ({"scales": [1.0, "2"]}, "'scales'"),
        ({"scales": [1.0, -2.0]}, "'scales' must be a number from"),
    ],
)
def test_refusals(options, message):
    with pytest.raises(OptionError, match=rf"divergence 'mmd': .*{message}"):
        MmdDivergence(**options)


def test_no_divergence_is_zero_a_document_for_every_pair():
    for q in (Point, DiagonalNormal, Dirichlet):
        run = NoDivergence().resolve(pair(q, Dirichlet))
        assert run.space == q.space
        z = torch.randn(4, 3)
        assert run.compute(None, None, Samples(z, z, None)).tolist() == [0.0] * 4
        assert run.per_document
