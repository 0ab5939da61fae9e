"""What every built-in encoder promises, and each one's posterior against its formula."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from topicforge.contracts import Context
from topicforge.distributions import DiagonalNormal, Dirichlet, Point
from topicforge.errors import OptionError
from topicforge.parts.encoders import MlpDirichletEncoder, MlpEncoder, MlpPointEncoder
from topicforge.parts.encoders.mlp import LOG_VAR_BOUND

V = 6
DENSE = [[0, 2, 1, 0, 0, 4], [0, 0, 0, 0, 0, 0], [5, 0, 0, 0, 1, 0], [1, 1, 1, 1, 1, 1]]
ENCODERS = [MlpEncoder, MlpDirichletEncoder, MlpPointEncoder]
every_encoder = pytest.mark.parametrize("encoder", ENCODERS)
with_and_without_norm = pytest.mark.parametrize("batch_norm", [False, True])
in_both_modes = pytest.mark.parametrize("training", [True, False])


def make(encoder, *, width=3, **options):
    torch.manual_seed(0)
    n_latent = 3 if encoder is MlpDirichletEncoder else width
    context = Context(vocab_size=V, n_topics=3, n_latent=n_latent)
    return encoder(context, hidden=(8, 5), **options)


def parameters_of(q):
    """The tensors a posterior is made of."""
    return [value for value in vars(q).values() if isinstance(value, torch.Tensor)]


@every_encoder
@with_and_without_norm
@in_both_modes
@pytest.mark.parametrize("rows", [4, 1, 0])
def test_the_declared_posterior_is_finite_for_any_number_of_documents(
    batch_of, encoder, batch_norm, training, rows
):
    part = make(encoder, batch_norm=batch_norm).train(training)
    q = part(batch_of(DENSE[1 : 1 + rows] if rows == 1 else DENSE[:rows], V))
    assert type(q) is encoder.describe(batch_norm=batch_norm).distribution
    assert encoder.latent.reparameterised
    for value in (*parameters_of(q), q.rsample(), q.mean):
        assert value.shape == (rows, 3)
        assert value.isfinite().all()


@every_encoder
@with_and_without_norm
def test_a_gradient_reaches_every_trainable_parameter(batch_of, encoder, batch_norm):
    part = make(encoder, batch_norm=batch_norm, activation="softplus")
    if encoder is MlpEncoder:  # at zero weights the head hides the layers below it
        torch.nn.init.normal_(part.log_var.linear.weight)
    q = part(batch_of(DENSE, V))
    sum((value * torch.randn_like(value)).sum() for value in parameters_of(q)).backward()
    for name, parameter in part.named_parameters():
        assert parameter.requires_grad, name
        assert parameter.grad.isfinite().all(), name
        # float32 noise of a batch-normed bias would be 1e-7
        assert parameter.grad.abs().max() > 1e-4, name


@every_encoder
@with_and_without_norm
def test_the_gradient_flows_through_samples(batch_of, encoder, batch_norm):
    part = make(encoder, batch_norm=batch_norm)
    z = part(batch_of(DENSE, V)).rsample()
    (z * torch.randn_like(z)).sum().backward()
    assert part.trunk.words.weight.grad.abs().max() > 1e-4


@every_encoder
@in_both_modes
def test_state_dict_round_trip(batch_of, encoder, training):
    batch = batch_of(DENSE, V)
    part = make(encoder, batch_norm=True)
    part(batch)  # running statistics move away from their start
    torch.manual_seed(9)
    other = encoder(part.context, hidden=(8, 5), batch_norm=True)
    other.load_state_dict(part.state_dict())
    one, two = (parameters_of(p.train(training)(batch)) for p in (part, other))
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))


@every_encoder
@with_and_without_norm
def test_float64_follows_the_parameters(batch_of, encoder, batch_norm):
    part = make(encoder, batch_norm=batch_norm)
    single = parameters_of(part.eval()(batch_of(DENSE, V)))
    part = part.double()
    double = parameters_of(part.eval()(batch_of(DENSE, V, "float64")))
    mixed = parameters_of(part.eval()(batch_of(DENSE, V)))  # counts stay float32
    for a, b, c in zip(single, double, mixed, strict=True):
        assert b.dtype == c.dtype == torch.float64
        torch.testing.assert_close(a.double(), b, rtol=1e-4, atol=1e-5)


@every_encoder
def test_documents_do_not_see_each_other_at_inference(batch_of, encoder):
    part = make(encoder, batch_norm=True).eval()
    whole = parameters_of(part(batch_of(DENSE, V)))
    alone = parameters_of(part(batch_of(DENSE[2:3], V)))
    for a, b in zip(whole, alone, strict=True):
        torch.testing.assert_close(a[2:3], b)


def test_gaussian_is_two_heads_on_the_trunk(batch_of):
    part = make(MlpEncoder, width=4, log_var_start=None).double()
    batch = batch_of(DENSE, V, "float64")
    q, h = part(batch), part.trunk(batch)
    assert isinstance(q, DiagonalNormal)
    torch.testing.assert_close(q.loc, h @ part.loc.linear.weight.T + part.loc.linear.bias)
    raw = h @ part.log_var.linear.weight.T + part.log_var.linear.bias
    torch.testing.assert_close(q.log_var, 20 * torch.tanh(raw / 20))


@with_and_without_norm
@pytest.mark.parametrize("start", [0.0, -4.0, 2.5])
def test_log_variance_starts_where_it_is_told(batch_of, batch_norm, start):
    part = make(MlpEncoder, batch_norm=batch_norm, log_var_start=start)
    for training in (False, True):
        log_var = part.train(training)(batch_of(DENSE, V)).log_var
        np.testing.assert_allclose(log_var.detach().numpy(), start, rtol=1e-6)


def test_log_variance_without_a_start_varies(batch_of):
    log_var = make(MlpEncoder, log_var_start=None)(batch_of(DENSE, V)).log_var
    assert log_var.std(0).min() > 1e-3


@pytest.mark.parametrize("start", [20, -20.0, float("nan"), "0", True])
def test_log_variance_start_outside_the_bound_is_refused(start):
    with pytest.raises(OptionError, match=r"encoder 'mlp': option 'log_var_start' must be None or"):
        make(MlpEncoder, log_var_start=start)


def test_log_variance_is_bounded_whatever_the_network_says(batch_of):
    part = make(MlpEncoder, log_var_start=None)
    with torch.no_grad():
        part.log_var.linear.weight.mul_(1e30)
    q = part(batch_of(DENSE, V))
    assert q.log_var.abs().max() <= LOG_VAR_BOUND
    assert q.log_var.abs().max() > 0.99 * LOG_VAR_BOUND
    assert q.rsample().isfinite().all()
    assert (-q.log_var).exp().isfinite().all()


def test_dirichlet_is_a_floored_softplus(batch_of):
    part = make(MlpDirichletEncoder, batch_norm=False, floor=0.5).double()
    batch = batch_of(DENSE, V, "float64")
    q, head = part(batch), part.head.linear
    assert isinstance(q, Dirichlet)
    expected = F.softplus(part.trunk(batch) @ head.weight.T + head.bias) + 0.5
    torch.testing.assert_close(q.concentration, expected)
    with torch.no_grad():
        head.bias.fill_(-1e6)
    np.testing.assert_allclose(part(batch).concentration.detach().numpy(), 0.5)


@pytest.mark.parametrize("floor", [0, -1.0, "small"])
def test_dirichlet_floor_must_be_positive(floor):
    with pytest.raises(OptionError, match="encoder 'mlp-dirichlet': option 'floor'"):
        make(MlpDirichletEncoder, floor=floor)


def test_point_is_one_head_on_the_trunk(batch_of):
    part = make(MlpPointEncoder, width=4).double()
    batch = batch_of(DENSE, V, "float64")
    q = part(batch)
    assert isinstance(q, Point)
    expected = part.trunk(batch) @ part.loc.linear.weight.T + part.loc.linear.bias
    torch.testing.assert_close(q.loc, expected)


def test_point_may_be_scaled_where_it_is_normalised(batch_of):
    batch = batch_of(DENSE, V)
    plain, scaled = (make(MlpPointEncoder, batch_norm=True, scale=s)(batch).loc for s in (1, 3.0))
    torch.testing.assert_close(scaled, 3 * plain)
    with pytest.raises(OptionError, match="'scale' must be 1 without batch_norm=True, got 3"):
        make(MlpPointEncoder, scale=3.0)
    with pytest.raises(OptionError, match="encoder 'mlp-point': option 'scale' must be a number"):
        make(MlpPointEncoder, batch_norm=True, scale=0)


@every_encoder
def test_options_reach_the_trunk(encoder):
    part = make(encoder, dropout=0.3, word_dropout=0.2, input="normalized", activation="gelu")
    assert (part.trunk.dropout.p, part.trunk.word_dropout.p) == (0.3, 0.2)
    assert part.trunk.transform == "normalized"
    assert part.trunk.activation is F.gelu


@every_encoder
@in_both_modes
def test_the_device_is_that_of_the_parameters(batch_of, encoder, training):
    """A tensor made on the way without a device would land on the default one, here meta."""
    part, batch = make(encoder, batch_norm=True).train(training), batch_of(DENSE, V)
    with torch.device("meta"):
        q = part(batch)
        values = [*parameters_of(q), q.rsample(), q.mean]
    assert {value.device.type for value in values} == {"cpu"}
