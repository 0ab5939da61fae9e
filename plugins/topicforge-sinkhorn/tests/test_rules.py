"""Who may use the two divergences, in which space they compare, and what they teach."""

import pytest
import torch
from topicforge.plugin import (
    Context,
    DiagonalNormal,
    Dirichlet,
    Distribution,
    Latent,
    Link,
    MixError,
    NormalMixture,
    OptionError,
    Pair,
    Point,
    Samples,
)

from topicforge_sinkhorn.sinkhorn import SinkhornDivergence
from topicforge_sinkhorn.sliced import SlicedWassersteinDivergence

BOTH = [SinkhornDivergence, SlicedWassersteinDivergence]
CONTEXT = Context(vocab_size=5, n_topics=3, n_latent=2)


class Fixed(Distribution):
    """A prior whose samples are the rows it was given."""

    mean = None

    def __init__(self, rows, space):
        self.rows = rows
        self.space = space

    def rsample(self, n=None):
        assert n == len(self.rows)
        return self.rows


class Embedded(Link):
    """z (B, 2) -> log softmax of (z, 0)."""

    def forward(self, z):
        return torch.log_softmax(torch.nn.functional.pad(z, (0, 1)), -1)


def pair(q, p, *, q_flows=True, **flags):
    def no_rule(*types):
        raise AssertionError(types)

    return Pair(Latent(q, reparameterised=q_flows), Latent(p, **flags), True, no_rule)


@pytest.mark.parametrize("divergence", BOTH)
@pytest.mark.parametrize(
    ("q", "p", "space"),
    [
        (DiagonalNormal, DiagonalNormal, "z"),
        (Point, NormalMixture, "z"),
        (Point, Dirichlet, "theta"),
        (Dirichlet, DiagonalNormal, "theta"),
        (Dirichlet, Dirichlet, "theta"),
    ],
)
def test_space_by_default(divergence, q, p, space):
    rule = divergence().resolve(pair(q, p, trainable=False))
    assert rule.space == space
    assert not rule.per_document
    assert rule.exactness == "sample estimate"


@pytest.mark.parametrize("divergence", BOTH)
def test_refuses_sides_without_gradients(divergence):
    with pytest.raises(MixError, match="posterior's Dirichlet is not reparameterised"):
        divergence().resolve(pair(Dirichlet, Dirichlet, q_flows=False))
    with pytest.raises(MixError, match="gmm: prior__learn='components'"):
        divergence().resolve(pair(Point, NormalMixture, reparameterised=False))
    # samples without gradient do no harm where there is nothing to learn
    divergence().resolve(pair(Point, NormalMixture, reparameterised=False, trainable=False))


@pytest.mark.parametrize(
    "divergence",
    [SinkhornDivergence(cost="squared-euclidean"), SlicedWassersteinDivergence(space="z")],
)
def test_z_can_not_be_compared_with_theta(divergence):
    with pytest.raises(MixError, match=r"posterior is in z and the prior in theta"):
        divergence.resolve(pair(Point, Dirichlet))


@pytest.mark.parametrize(
    ("divergence", "options", "word"),
    [
        (SinkhornDivergence, {"cost": "l1"}, "geodesic"),
        (SinkhornDivergence, {"epsilon": 0}, "epsilon"),
        (SinkhornDivergence, {"epsilon": float("nan")}, "epsilon"),
        (SinkhornDivergence, {"scaling": 1.0}, "scaling"),
        (SinkhornDivergence, {"scaling": True}, "scaling"),
        (SlicedWassersteinDivergence, {"n_projections": 0}, "n_projections"),
        (SlicedWassersteinDivergence, {"n_projections": 2.5}, "n_projections"),
        (SlicedWassersteinDivergence, {"space": "x"}, "space"),
        (SlicedWassersteinDivergence, {"scaled": "no"}, "scaled"),
    ],
)
def test_options_out_of_their_domain(divergence, options, word):
    with pytest.raises(OptionError, match=word):
        divergence(**options)


@pytest.mark.parametrize(
    "divergence",
    [
        SinkhornDivergence(cost="hellinger"),
        SinkhornDivergence(cost="geodesic"),
        SlicedWassersteinDivergence(space="theta"),
    ],
)
def test_a_prior_in_z_is_sent_through_the_link(divergence):
    torch.manual_seed(0)
    link = Embedded(CONTEXT)
    z, prior_z = torch.randn(2, 4, 2, dtype=torch.float64)
    rule = divergence.resolve(pair(Point, DiagonalNormal, trainable=False))
    torch.manual_seed(1)
    got = rule.compute(None, Fixed(prior_z, "z"), Samples(z, link(z), link))
    torch.manual_seed(1)
    direct = rule.compute(None, Fixed(link(prior_z), "theta"), Samples(z, link(z), None))
    assert got.item() == pytest.approx(direct.item(), rel=1e-12)
    assert got.item() > 1e-3


@pytest.mark.parametrize("divergence", BOTH)
def test_hardly_changes_when_both_sides_move_far(divergence):
    """A shift of 4096 rounds coordinates to 2^-11; |x|^2 expanded there would lose units."""
    torch.manual_seed(0)
    x, y = torch.randn(2, 20, 3)
    rule = divergence().resolve(pair(Point, DiagonalNormal, trainable=False))
    values = []
    for shift in (0.0, 4096.0):
        torch.manual_seed(1)
        values.append(rule.compute(None, Fixed(y + shift, "z"), Samples(x + shift, x, None)).item())
    assert values[1] == pytest.approx(values[0], abs=5e-3)


@pytest.mark.parametrize("divergence", BOTH)
@pytest.mark.parametrize("n", [0, 1])
def test_batches_of_none_and_of_one(divergence, n):
    z = torch.tensor([[0.5, 1.0]])[:n].requires_grad_()
    p = Fixed(torch.zeros(n, 2), "z")
    rule = divergence().resolve(pair(Point, DiagonalNormal, trainable=False))
    value = rule.compute(None, p, Samples(z, z, None))
    value.backward()
    assert value.shape == ()
    # of one point each both are the squared distance, sliced in its mean over directions
    assert value.item() >= 0
    if n == 1 and divergence is SinkhornDivergence:
        assert value.item() == pytest.approx(1.25)
        torch.testing.assert_close(z.grad, 2 * z.detach())


def test_directions_follow_the_seed():
    torch.manual_seed(0)
    x, y = torch.randn(2, 8, 5)
    rule = SlicedWassersteinDivergence(n_projections=3).resolve(
        pair(Point, DiagonalNormal, trainable=False)
    )

    def value(seed):
        torch.manual_seed(seed)
        return rule.compute(None, Fixed(y, "z"), Samples(x, x, None)).item()

    assert value(1) == value(1)
    assert value(1) != value(2)


def test_scaled_is_the_width_times_the_mean():
    torch.manual_seed(0)
    x, y = torch.randn(2, 8, 5)
    values = []
    for scaled in (True, False):
        divergence = SlicedWassersteinDivergence(scaled=scaled)
        rule = divergence.resolve(pair(Point, DiagonalNormal, trainable=False))
        torch.manual_seed(1)
        values.append(rule.compute(None, Fixed(y, "z"), Samples(x, x, None)).item())
    assert values[0] == pytest.approx(5 * values[1])


@pytest.mark.parametrize("divergence", [SinkhornDivergence(epsilon=0.05), BOTH[1]()])
def test_learns_the_prior(divergence):
    """Descent on the divergence alone takes N(3, 0.2^2) to the prior N(0, 1), on both axes."""
    torch.manual_seed(0)
    loc = torch.full((2,), 3.0, requires_grad=True)
    log_var = torch.full((2,), -3.2, requires_grad=True)
    p = DiagonalNormal(torch.zeros(2), torch.zeros(2))
    rule = divergence.resolve(pair(DiagonalNormal, DiagonalNormal, trainable=False))
    optimiser = torch.optim.Adam([loc, log_var], lr=0.1)
    for _ in range(80):
        z = DiagonalNormal(loc.expand(60, 2), log_var.expand(60, 2)).rsample()
        optimiser.zero_grad()
        rule.compute(None, p, Samples(z, z, None)).backward()
        optimiser.step()
    # Adam's last steps of 0.1 under the noise of 60 samples; entropy leaves S no shrinkage
    torch.testing.assert_close(loc.detach(), torch.zeros(2), atol=0.25, rtol=0)
    torch.testing.assert_close(log_var.detach(), torch.zeros(2), atol=0.4, rtol=0)
