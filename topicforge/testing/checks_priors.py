"""Checks of priors: samples, density, anchors, start."""

from __future__ import annotations

import torch
from torch import Tensor

from topicforge.contracts import ComponentSpec
from topicforge.distributions import Distribution
from topicforge.errors import TopicForgeError
from topicforge.registry import describe
from topicforge.testing.probe import require_finite, require_shape, require_support, toy_part
from topicforge.testing.quadrature import integral_simplex, integral_sphere, integral_z
from topicforge.testing.specs import title_of
from topicforge.testing.suite import CheckError, NotApplicable, check_for, raising_nothing, require
from topicforge.testing.toys import toy_context, toy_z


@check_for("prior")
def check_prior_samples(spec: ComponentSpec) -> None:
    """``distribution()`` is of the declared type, without batch shape, and samples lie in its space.

    ``rsample(n)`` is (n, L), also for n = 0 and n = 1, ``rsample()`` and ``mean`` are (L,); L = K on
    the simplex, where samples are log theta whose exp sums to one.
    """
    what, declared = title_of(spec), describe(spec, {})
    p = toy_part(spec).distribution()
    require(
        isinstance(p, declared.distribution), what, f"distribution() gave {type(p).__name__}",
        f"it declares {declared.distribution.__name__}", "make `latent` say what it gives",
    )  # fmt: skip
    size = "size it by context.n_latent (context.n_topics on the simplex), without a batch axis"
    with torch.no_grad():
        cases: list[tuple[str, Tensor, tuple[int, ...]]]
        cases = [("mean", p.mean, (4,)), ("rsample()", p.rsample(), (4,))]
        for n in (0, 1, 500):
            must = "any number of samples may be drawn"
            with raising_nothing(what, f"rsample({n})", must, "return an empty (0, L) for n = 0"):
                cases.append((f"rsample({n})", p.rsample(n), (n, 4)))
        for name, value, shape in cases:
            require_shape(what, name, value, shape, size)
            require_support(what, name, value, declared.space)


@check_for("prior")
def check_prior_declaration(spec: ComponentSpec) -> None:
    """What ``latent`` declares is true: trainable, and reparameterised where it says so.

    ``trainable``: the prior has parameters that training moves. ``reparameterised``: a sample's
    gradient reaches every one of them, so that divergences may train it through samples.
    """
    what, declared = title_of(spec), describe(spec, {})
    prior = toy_part(spec)
    trained = sum(p.numel() for p in prior.parameters() if p.requires_grad)
    require(
        declared.trainable == (trained > 0), what,
        f"declares trainable={declared.trainable} and has {trained} trained numbers",
        "both must say the same", "say Latent(..., trainable=...) as it is; freeze with "
        "requires_grad_(False) or register_buffer",
    )  # fmt: skip
    moved = {name: p for name, p in prior.named_parameters() if p.requires_grad}
    if not (moved and declared.reparameterised):
        return
    sample = prior.distribution().rsample(64)
    weight = torch.cos(torch.arange(sample.numel(), dtype=sample.dtype)).view(sample.shape)
    reached: tuple[Tensor | None, ...] = (None,) * len(moved)
    if sample.requires_grad:
        loss = (weight * sample).sum()
        reached = torch.autograd.grad(loss, list(moved.values()), allow_unused=True)
    for name, gradient in zip(moved, reached, strict=True):
        require(
            gradient is not None and bool(torch.isfinite(gradient).all()), what,
            f"a sample's gradient does not reach {name!r}", "it declares reparameterised=True",
            "transform noise without detach, or say Latent(..., reparameterised=False)",
        )  # fmt: skip


def density(spec: ComponentSpec, width: int) -> tuple[Distribution, Tensor]:
    """Return p in float64 with L = K = width, and 4000 samples of it.

    Raises:
        NotApplicable: it has no density.
    """
    p = toy_part(spec, toy_context(width)).double().distribution()
    if type(p).log_prob is Distribution.log_prob:
        raise NotApplicable(f"{title_of(spec)}: {type(p).__name__} has no density")
    torch.manual_seed(1)
    with torch.no_grad():
        return p, p.rsample(4000).double()


@check_for("prior")
def check_log_prob_normalised(spec: ComponentSpec) -> None:
    """``exp(log_prob)`` integrates to one: over R^1 and R^2, over the simplex of 2 and 3 parts.

    By the trapezoidal rule in float64; the grids integrate normals, heavy tails and Dirichlets of
    concentration 0.02 to 1e-3, and the integral may be off by 1e-2. Where all samples lie on one
    sphere around zero, the density is per surface, and the circle and the sphere are integrated.
    """
    what = title_of(spec)
    space = describe(spec, {}).space
    for width in (2, 3) if space == "theta" else (1, 2, 3):
        p, z = density(spec, width)
        with torch.no_grad():
            norm = z.norm(dim=-1)
            on_sphere = space == "z" and float(norm.std()) < 1e-4 * float(norm.mean())
            if space == "theta":
                total, over = integral_simplex(p.log_prob, width), f"the simplex of {width} parts"
            elif on_sphere and width > 1:
                total = integral_sphere(p.log_prob, width, float(norm.mean()))
                over = f"the sphere in R^{width}"
            elif width < 3 and not on_sphere:
                spread = (z.quantile(0.75, 0) - z.quantile(0.25, 0)) / 1.35
                total = integral_z(p.log_prob, z.median(0).values, spread.clamp_min(1e-6))
                over = f"R^{width}"
            else:
                continue
        require(
            abs(total - 1) < 1e-2, what, f"its density integrates to {total:.4f} over {over}",
            "a density integrates to one", "write out every constant; on the simplex the density is "
            "in theta_1, ..., theta_{K-1}, with its Jacobian",
        )  # fmt: skip


@check_for("prior")
def check_samples_follow_log_prob(spec: ComponentSpec) -> None:
    """Samples come from the density: their distribution function is log_prob's.

    4000 samples of L = 1 (of K = 2 on the simplex) against the integrated density, by the statistic
    of Kolmogorov and Smirnov: sqrt(n) D above 2.5 happens once in 100 000 (Smirnov 1948).
    """
    space = describe(spec, {}).space
    p, z = density(spec, 1 if space == "z" else 2)
    with torch.no_grad():
        x = z[:, 0] - z[:, 1] if space == "theta" else z[:, 0]
        if float(x.abs().std()) < 1e-4 * float(x.abs().mean()):
            raise NotApplicable(f"{title_of(spec)}: in one dimension its samples are two points")
        x = x.sort().values
        # between neighbouring samples the density is smooth: fine steps over their whole range
        low, high = x[0] - 20 * (x[-1] - x[0]), x[-1] + 20 * (x[-1] - x[0])
        inside = torch.cat([x, torch.linspace(x[0].item(), x[-1].item(), 20_001).double()])
        ends = torch.linspace(0, 1, 2001).double()[1:]
        below = x[0] - (x[0] - low) * ends.square()
        above = x[-1] + (high - x[-1]) * ends.square()
        grid = torch.cat([below, inside, above]).sort().values
        if space == "theta":
            log_theta = torch.log_softmax(torch.stack([grid, torch.zeros_like(grid)], -1), -1)
            height = (p.log_prob(log_theta) + log_theta.sum(-1)).exp()
        else:
            height = p.log_prob(grid[:, None]).exp()
        cumulative = torch.cumulative_trapezoid(height, grid)
        cumulative = torch.cat([cumulative.new_zeros(1), cumulative]) / cumulative[-1]
        place = torch.searchsorted(grid, x).clamp_max(len(grid) - 1)
        rank = torch.arange(1, len(x) + 1, dtype=torch.float64) / len(x)
        statistic = float((cumulative[place] - rank).abs().max()) * len(x) ** 0.5
    require(
        statistic < 2.5, title_of(spec), f"samples leave the density: sqrt(n) D = {statistic:.2f}",
        "rsample must draw from log_prob's density (sqrt(n) D < 2.5)",
        "compare the scale, the shift and the Jacobian of rsample with log_prob's",
    )  # fmt: skip


@check_for("prior")
def check_anchors_and_start(spec: ComponentSpec) -> None:
    """``anchors()`` is None or (C, L) finite; a prior that starts from latents does, by the seed.

    Latents that are not finite raise an error of topicforge.plugin and leave nothing half done.
    """
    what, prior = title_of(spec), toy_part(spec)
    anchors = prior.anchors()
    if anchors is not None:
        shape = (anchors.shape[0] if anchors.dim() else 0, 4)
        require_shape(
            what, "anchors()", anchors, shape, "return (C, L) points, or None without any"
        )
        require_finite(what, "anchors()", anchors, "return points of the latent space")
    if not prior.starts_from_latents:
        return
    latents = toy_z(200)
    states = []
    for _ in range(2):
        fresh = toy_part(spec)
        fresh.start_from_latents(latents, 0)
        states.append(fresh.state_dict())
    for name, value in states[0].items():
        require(
            torch.equal(value, states[1][name]) and bool(torch.isfinite(value).all()), what,
            f"start_from_latents left {name!r} different between two calls with one seed, or not "
            "finite", "the seed must decide the start", "hand the seed to every random step",
        )  # fmt: skip
    must, change = "it must raise topicforge.plugin.TrainingError", "check the latents first"
    with raising_nothing(what, "start_from_latents with NaN latents", must, change):
        try:
            prior.start_from_latents(torch.full((200, 4), float("nan")), 0)
        except TopicForgeError:
            return
    raise CheckError(f"{what}: start_from_latents took NaN, but {must}. To correct it: {change}.")
