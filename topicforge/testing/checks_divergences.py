"""Checks of divergences: which pairs they serve, and what their rules give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from topicforge.contracts import ComponentSpec, Latent, Rule, RuleSpec, Samples
from topicforge.distributions import Distribution, Point
from topicforge.errors import PluginError
from topicforge.registry.checks import check_rule
from topicforge.testing.pairs import (
    far_point,
    like,
    posteriors,
    priors,
    rule_for,
    samples_of,
    tensors_of,
)
from topicforge.testing.probe import require_finite, require_shape
from topicforge.testing.specs import title_of
from topicforge.testing.suite import CheckError, NotApplicable, check_for, raising_nothing, require

N = 256


@dataclass(frozen=True)
class Pair:
    """A pair that a divergence measures."""

    q: Distribution
    p: Distribution
    rule: Rule

    @property
    def text(self) -> str:
        """``q || p``."""
        return f"{type(self.q).__name__} || {type(self.p).__name__}"


def measured(spec: ComponentSpec) -> Iterator[Pair]:
    """Yield one pair of each two types that the divergence measures, from registered parts."""
    seen = set()
    for posterior, q in posteriors(spec.distribution):
        for prior, p in priors(spec.distribution):
            if (type(q), type(p)) in seen:
                continue
            rule = rule_for(spec, posterior, prior)
            if rule is not None:
                seen.add((type(q), type(p)))
                yield Pair(q, p, rule)


def compute(
    what: str, rule: Rule, q: Distribution, p: Distribution, samples: Samples
) -> torch.Tensor:
    """Return the rule's value.

    Raises:
        CheckError: it raised, has another shape than ``per_document`` says, or is not finite.
    """
    n = samples.z.shape[0]
    pair = f"{type(q).__name__} || {type(p).__name__} for {n} document(s)"
    must = "a pair that it accepts must be computed"
    with raising_nothing(what, pair, must, "see the traceback above"):
        value = rule.compute(q, p, samples)
    change = "sum over the latent axis alone, or state per_document=False for one number per batch"
    shape = (n,) if rule.per_document else ()
    require_shape(what, f"{pair}, per_document={rule.per_document}, it", value, shape, change)
    require_finite(what, pair, value, "work in log space; an empty batch gives 0")
    return value


@check_for("divergence")
def check_divergence_resolves(spec: ComponentSpec) -> None:
    """``resolve`` returns a complete Rule or raises MixError, from types and flags alone.

    It measures at least one pair of registered encoders and priors, and its rule states exactness,
    space, source and summary.
    """
    what, pairs = title_of(spec), list(measured(spec))
    for pair in pairs:
        rule = RuleSpec("any", pair.rule, posterior=type(pair.q), prior=type(pair.p))
        try:
            check_rule(what, rule)
        except PluginError as error:
            raise CheckError(f"{error}. To correct it: fill the Rule's fields.") from error
    require(
        bool(pairs), what, "measures no pair of registered encoders and priors",
        "it must be usable", "register divergence rules, or an encoder and a prior that fit it",
    )  # fmt: skip


@check_for("divergence")
def check_divergence_shapes(spec: ComponentSpec) -> None:
    """The value is (B,) where ``per_document``, else a scalar; finite for batches of 6, 1 and 0."""
    for pair in measured(spec):
        for n in (6, 1, 0):
            q = pair.q.map_tensors(lambda t, n=n: t[:n])  # type: ignore[misc]
            if q.mean.shape[0] == n:
                compute(title_of(spec), pair.rule, q, pair.p, samples_of(q))


@check_for("divergence")
def check_divergence_gradient(spec: ComponentSpec) -> None:
    """The value has a gradient to the posterior, and it is finite; only a constant zero has none."""
    what = title_of(spec)
    for pair in measured(spec):
        value = compute(what, pair.rule, pair.q, pair.p, samples_of(pair.q))
        if not value.requires_grad and not bool(value.any()):
            continue
        mean = pair.q.rsample()
        require(
            value.requires_grad and mean.requires_grad, what, f"{pair.text}: it has no gradient",
            "the posterior learns from it", "leave out detach and no_grad",
        )  # fmt: skip
        tensors = list(tensors_of(pair.q).values())
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
    for pair in measured(spec):
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
    for prior, p in priors(spec.distribution):
        q = like(p, N)
        if q is not None:
            rule = rule_for(spec, Latent(type(p)), prior)
            if rule is not None and rule.exactness in ("closed form", "Monte Carlo"):
                tried += 1
                value = compute(what, rule, q, p, samples_of(q))
                # float64 sums over 4 dimensions: 1e-9 is a million roundings
                largest = float(value.detach().abs().max())
                require(
                    largest < 1e-9, what, f"at q = p = {type(p).__name__} it is {largest:.3g}",
                    "it must be 0", "look at its constants and at which side is which",
                )  # fmt: skip
        rule = rule_for(spec, Latent(Point), prior)
        if rule is None or rule.exactness != "sample estimate":
            continue
        tried += 1
        torch.manual_seed(6)
        near, far = 0.0, 0.0
        with torch.no_grad():
            for _ in range(8):
                for where in ("near", "far"):
                    points = Point(p.rsample(N)) if where == "near" else far_point(p, N)
                    value = compute(what, rule, points, p, samples_of(points))
                    mean = float(value.mean()) / 8
                    near, far = (near + mean, far) if where == "near" else (near, far + mean)
        require(
            abs(near) <= 0.1 * abs(far), what,
            f"for {N} samples of {type(p).__name__} itself it is {near:.4g}, for far points {far:.4g}",
            "it must be near 0 at q = p (at most a tenth of the far value)",
            "subtract what it is between equal sides (debias it)",
        )  # fmt: skip
    if not tried:
        raise NotApplicable(f"{what}: no prior's type can be its own posterior here")
