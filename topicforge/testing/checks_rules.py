"""Checks of divergence rules: what is registered for a pair of types is what it says."""

from __future__ import annotations

import torch
from torch import Tensor

from topicforge.contracts import RuleSpec
from topicforge.distributions import Distribution
from topicforge.testing.checks_divergences import compute
from topicforge.testing.pairs import (
    core_posterior,
    core_prior,
    posteriors,
    priors,
    samples_of,
    tensors_of,
)
from topicforge.testing.specs import title_of
from topicforge.testing.suite import NotApplicable, check_for, require


def pair_of(spec: RuleSpec) -> tuple[Distribution, Distribution]:
    """Return q of six documents and p of the rule's types, from registered parts or core types.

    Raises:
        NotApplicable: no registered encoder or prior gives the type, and it is not a core type.
    """
    # an untrained encoder's posteriors are hardly informed; core types far from the prior show more
    q = core_posterior(spec.posterior)
    if q is None:
        q = next((d for _, d in posteriors(spec.distribution) if type(d) is spec.posterior), None)
    p = next((d for _, d in priors(spec.distribution) if type(d) is spec.prior), None)
    p = core_prior(spec.prior) if p is None else p
    if q is None or p is None:
        part, kind = ("encoder", spec.posterior) if q is None else ("prior", spec.prior)
        raise NotApplicable(f"{title_of(spec)}: no registered {part} gives {kind.__name__}")
    return q, p


@check_for("divergence_rule")
def check_rule_value(spec: RuleSpec) -> None:
    """The rule computes, finite, with the shape that ``per_document`` says.

    (B,) where it is per document, else one scalar for the batch. A closed form is measured in a
    space in which posterior or prior lives.
    """
    q, p = pair_of(spec)
    compute(title_of(spec), spec.rule, q, p, samples_of(q))
    exact = spec.rule.exactness == "closed form"
    require(
        not exact or spec.rule.space in (q.space, p.space), title_of(spec),
        f"says it is measured in {spec.rule.space}",
        f"posterior and prior live in {q.space} and {p.space}", "set Rule.space to where it is measured",
    )  # fmt: skip


@check_for("divergence_rule")
def check_rule_gradient(spec: RuleSpec) -> None:
    """The gradient reaches every tensor of the posterior, by value or through its sample."""
    q, p = pair_of(spec)
    fresh = q.map_tensors(lambda t: t.detach().clone().requires_grad_())
    leaves = tensors_of(fresh)
    value = compute(title_of(spec), spec.rule, fresh, p, samples_of(fresh))
    gradients: tuple[Tensor | None, ...] = (None,) * len(leaves)
    if value.requires_grad:
        gradients = torch.autograd.grad(value.sum(), list(leaves.values()), allow_unused=True)
    for name, gradient in zip(leaves, gradients, strict=True):
        require(
            gradient is not None and bool(torch.isfinite(gradient).all()), title_of(spec),
            f"no finite gradient reaches the posterior's {name!r}",
            "every parameter of q must be trained", "use it without detach",
        )  # fmt: skip


@check_for("divergence_rule")
def check_rule_against_monte_carlo(spec: RuleSpec) -> None:
    """A KL rule agrees with the mean of log q(z) - log p(z) over samples z of q.

    4000 samples per document in float64: a closed form within 5 standard errors (one false alarm in a
    million), a bound not below it by more. An approximation is not compared.
    """
    rule = spec.rule
    if spec.divergence != "kl" or rule.exactness not in ("closed form", "bound"):
        raise NotApplicable(f"{title_of(spec)}: only exact KL rules and bounds have this reference")
    q, p = pair_of(spec)
    if q.space != p.space or Distribution.log_prob in (type(q).log_prob, type(p).log_prob):
        raise NotApplicable(f"{title_of(spec)}: posterior and prior have no densities in one space")
    torch.manual_seed(8)
    n = 4000
    with torch.no_grad():
        for document in range(3):
            one = q.map_tensors(lambda t, d=document: t[d].expand(n, *t.shape[1:]))  # type: ignore[misc]
            samples = samples_of(one)
            gap = compute(title_of(spec), rule, one, p, samples)
            gap = gap - (one.log_prob(samples.z) - p.log_prob(samples.z))
            mean, allowed = float(gap.mean()), 5 * float(gap.std()) / n**0.5 + 1e-9
            close = mean >= -allowed if rule.exactness == "bound" else abs(mean) <= allowed
            require(
                close, title_of(spec),
                f"is off the Monte Carlo KL by {mean:.4g} (allowed: {allowed:.2g})",
                f"it states that it is a {rule.exactness}", "look at its formula, or say 'approximation'",
            )  # fmt: skip
