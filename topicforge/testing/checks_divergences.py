"""Checks of divergences: which pairs they serve, and what their rules give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from topicforge.contracts import ComponentSpec, Divergence, Latent, Rule, RuleSpec, Samples
from topicforge.distributions import Distribution, Point
from topicforge.errors import PluginError
from topicforge.registry.checks import check_rule
from topicforge.testing.catalogue import check_for
from topicforge.testing.failure import CheckError, NotApplicable, require
from topicforge.testing.sides import (
    far_point,
    like,
    posteriors,
    priors,
    resolve,
    samples_of,
    softmax_link,
)
from topicforge.testing.subject import build, title_of

N = 256


@dataclass(frozen=True)
class Pair:
    """A pair that a divergence serves."""

    q: Distribution
    p: Distribution
    posterior: Latent
    prior: Latent
    rule: Rule

    @property
    def text(self) -> str:
        """``q || p``."""
        return f"{type(self.q).__name__} || {type(self.p).__name__}"


def served(spec: ComponentSpec) -> Iterator[Pair]:
    """Yield one pair of each two types that the divergence serves, from registered parts."""
    built: Divergence = build(spec)
    seen = set()
    for _, posterior, q in posteriors(spec.distribution):
        for _, prior, p in priors(spec.distribution):
            if (type(q), type(p)) in seen:
                continue
            rule = resolve(spec, built, posterior, prior)
            if rule is not None:
                seen.add((type(q), type(p)))
                yield Pair(q, p, posterior, prior, rule)


def compute(
    what: str, rule: Rule, q: Distribution, p: Distribution, samples: Samples
) -> torch.Tensor:
    """Return the rule's value, or say that it failed or is not what it declares.

    Raises:
        CheckError: it raised, has another shape than ``per_document`` says, or is not finite.
    """
    pair, n = f"{type(q).__name__} || {type(p).__name__}", samples.z.shape[0]
    try:
        value = rule.compute(q, p, samples)
    except Exception as error:
        raise CheckError(
            f"{what}: for {pair} and {n} document(s) it raised {type(error).__name__}: {error}, but "
            "a pair that it serves must be computed. To mend it: see the traceback above."
        ) from error
    shape = (n,) if rule.per_document else ()
    came = tuple(value.shape) if isinstance(value, torch.Tensor) else repr(value)
    require(
        came == shape, what, f"for {pair} and {n} document(s) it gave shape {came}",
        f"per_document={rule.per_document} means {shape}", "sum over the latent axis alone, or say "
        "Rule(..., per_document=False) for one number a batch",
    )  # fmt: skip
    require(
        bool(torch.isfinite(value).all()), what, f"for {pair} and {n} document(s) it is not finite",
        "a loss must be finite", "work in log space; a batch of none is 0",
    )  # fmt: skip
    return value


@check_for("divergence")
def check_divergence_resolves(spec: ComponentSpec) -> None:
    """``resolve`` returns a complete Rule or raises MixError, from types and flags alone.

    It serves at least one pair of registered encoders and priors, and its rule says exactness,
    space, source and summary.
    """
    found = 0
    for pair in served(spec):
        found += 1
        try:
            check_rule(
                title_of(spec),
                RuleSpec("any", pair.rule, posterior=type(pair.q), prior=type(pair.p)),
            )
        except PluginError as error:
            raise CheckError(f"{error}. To mend it: fill the Rule's fields.") from error
    require(
        found > 0, title_of(spec), "serves no pair of registered encoders and priors",
        "it must be usable", "register divergence rules, or an encoder and a prior that it serves",
    )  # fmt: skip


@check_for("divergence")
def check_divergence_shapes(spec: ComponentSpec) -> None:
    """The value is (B,) where ``per_document``, else a scalar; finite for batches of 6, 1 and 0."""
    for pair in served(spec):
        for n in (6, 1, 0):
            q = _first(pair.q, n)
            if q is not None:
                compute(title_of(spec), pair.rule, q, pair.p, samples_of(q))


@check_for("divergence")
def check_divergence_gradient(spec: ComponentSpec) -> None:
    """The value has a gradient to the posterior, and it is finite; only a constant zero has none."""
    what = title_of(spec)
    for pair in served(spec):
        value = compute(what, pair.rule, pair.q, pair.p, samples_of(pair.q))
        if not value.requires_grad and not bool(value.any()):
            continue
        mean = pair.q.rsample()
        require(
            value.requires_grad and mean.requires_grad, what, f"{pair.text}: it has no gradient",
            "the posterior is drawn to the prior by its gradient", "leave out detach and no_grad",
        )  # fmt: skip
        tensors = [t for t in vars(pair.q).values() if isinstance(t, torch.Tensor)]
        gradients = torch.autograd.grad(value.sum(), tensors, allow_unused=True)
        reached = [g for g in gradients if g is not None]
        require(
            bool(reached) and all(bool(torch.isfinite(g).all()) for g in reached), what,
            f"{pair.text}: the gradient reaches no tensor of the posterior, or is not finite",
            "the encoder must learn from it", "guard square roots and divisions at zero distance",
        )  # fmt: skip


@check_for("divergence")
def check_divergence_not_negative(spec: ComponentSpec) -> None:
    """On average over samples the value is not negative.

    Closed forms hold it exactly (up to 1e-9 of rounding in float64). Sampled ones (bounds, Monte
    Carlo, sample estimates) are averaged over 32 draws and may fall below zero by 5 standard errors.
    """
    what = title_of(spec)
    for pair in served(spec):
        torch.manual_seed(4)
        with torch.no_grad():
            draws = torch.stack(
                [
                    compute(what, pair.rule, pair.q, pair.p, samples_of(pair.q)).mean()
                    for _ in range(32)
                ]
            )
        low = float(draws.mean()) + 5 * float(draws.std()) / 32**0.5 + 1e-9
        require(
            low >= 0, what, f"{pair.text}: {float(draws.mean()):.4g} on average, {low:.4g} at most",
            "a divergence is not negative", "look at the order of its terms and at its constants",
        )  # fmt: skip


@check_for("divergence")
def check_divergence_at_equality(spec: ComponentSpec) -> None:
    """The value is zero where q = p.

    A rule per document (closed form, Monte Carlo) gives 0 up to 1e-9 for the prior itself as
    posterior. A sample estimate with 256 samples of the prior is at most a tenth of what it is with
    256 points far away, averaged over 8 draws: its noise falls with the number of samples, the
    distance does not. Bounds and approximations need not vanish there and are left out.
    """
    what, tried = title_of(spec), 0
    built: Divergence = build(spec)
    for _, prior, p in priors(spec.distribution):
        q = like(p, N)
        if q is not None:
            rule = resolve(spec, built, Latent(type(p)), prior)
            if rule is not None and rule.exactness in ("closed form", "Monte Carlo"):
                tried += 1
                value = compute(what, rule, q, p, samples_of(q))
                # float64 sums over 4 dimensions: 1e-9 is a million roundings
                largest = float(value.detach().abs().max())
                require(
                    largest < 1e-9, what, f"at q = p = {type(p).__name__} it is {largest:.3g}",
                    "it must be 0", "look at its constants and at which side is which",
                )  # fmt: skip
        rule = resolve(spec, built, Latent(Point), prior)
        if rule is None or rule.exactness != "sample estimate":
            continue
        tried += 1
        torch.manual_seed(6)
        near, far = 0.0, 0.0
        with torch.no_grad():
            for _ in range(8):
                for where in ("near", "far"):
                    points = Point(p.rsample(N)) if where == "near" else far_point(p, N)
                    samples = Samples(
                        points.loc, torch.log_softmax(points.loc, -1), softmax_link().double()
                    )
                    mean = float(compute(what, rule, points, p, samples).mean()) / 8
                    near, far = (near + mean, far) if where == "near" else (near, far + mean)
        require(
            abs(near) <= 0.1 * abs(far), what,
            f"for {N} samples of {type(p).__name__} itself it is {near:.4g}, for far points {far:.4g}",
            "it must be near 0 at q = p (at most a tenth of the far value)",
            "subtract what it is between equal sides (debias it)",
        )  # fmt: skip
    if not tried:
        raise NotApplicable(f"{what}: no prior's type can be its own posterior here")


def _first(q: Distribution, n: int) -> Distribution | None:
    """The first n documents' posteriors."""
    import copy

    part = copy.copy(q)
    for name, value in vars(q).items():
        if isinstance(value, torch.Tensor):
            setattr(part, name, value[:n])
        elif isinstance(value, Distribution):
            setattr(part, name, _first(value, n))
    return part if part.mean.shape[0] == n else None
