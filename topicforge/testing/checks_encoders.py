"""Checks of encoders: the posterior's type, shape and support, and its gradients."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from topicforge.contracts import ComponentSpec
from topicforge.distributions import Distribution
from topicforge.errors import InputError, MixError, TopicForgeError
from topicforge.registry import build, describe
from topicforge.testing.probe import gap, require_shape, require_support, toy_part
from topicforge.testing.specs import title_of
from topicforge.testing.suite import CheckError, NotApplicable, check_for, raising_nothing, require
from topicforge.testing.toys import batch_of, toy_batch, toy_context, toy_counts, toy_features


@check_for("encoder")
def check_posterior(spec: ComponentSpec) -> None:
    """``forward(batch)`` returns the distribution that ``latent`` declares, one per document.

    Means and samples have shape (B, L), L = K where it lives on the simplex; samples lie in the
    declared space: z is finite, theta is represented by log theta whose exp sums to one.
    """
    what, declared = title_of(spec), describe(spec, {})
    context = toy_context() if declared.space == "theta" else toy_context(4, 6)
    try:
        encoder = build(spec, {}, context).eval()
    except MixError:
        context, encoder = toy_context(), toy_part(spec)
    with torch.no_grad():
        q = encoder(toy_batch(6, empty=(5,)))
        require(
            isinstance(q, declared.distribution), what, f"returned {type(q).__name__}",
            f"it declares {declared.distribution.__name__}", "make `latent` say what forward returns",
        )  # fmt: skip
        width = context.n_topics if declared.space == "theta" else context.n_latent
        for name, value in (("mean", q.mean), ("rsample()", q.rsample())):
            change = "size the last layer by context.n_latent (context.n_topics on the simplex)"
            require_shape(what, name, value, (6, width), change)
            require_support(what, name, value, declared.space)
    require(
        declared.trainable, what, "declares its posterior not trainable",
        "every posterior is", "leave Latent.trainable at True for an encoder",
    )  # fmt: skip


@check_for("encoder")
def check_documents_are_independent(spec: ComponentSpec) -> None:
    """Outside training a document's posterior depends on that document alone.

    Not on its neighbours in the batch nor on its place: otherwise ``transform`` would give another
    theta with another batch size.
    """
    encoder = toy_part(spec)
    with torch.no_grad():
        together = encoder(toy_batch(6)).mean
        counts, features = toy_counts()[:6].toarray(), toy_features()[:6]
        alone = torch.cat(
            [encoder(batch_of(counts[i : i + 1], features[i : i + 1])).mean for i in range(6)]
        )
    # float32 sums in another order: 1e-5 of the largest entry is a hundred roundings
    off = gap(together, alone) / max(float(together.abs().max()), 1.0)
    require(
        off < 1e-5, title_of(spec),
        f"means differ by {off:.2g} when documents are encoded one by one in eval mode",
        "a document's posterior must not depend on its neighbours",
        "use running statistics in eval mode (batch norm), and sum over words, not documents",
    )  # fmt: skip


@check_for("encoder")
def check_features_declared(spec: ComponentSpec) -> None:
    """An encoder that reads ``batch.features`` states ``reads_features = True``, and no other does.

    It then refuses, with InputError, a context without features; one that does not works
    without any, and gives the same posterior with and without them.
    """
    what, reads = title_of(spec), bool(getattr(spec.factory, "reads_features", False))
    first = "call super().__init__(context) first"
    if reads:
        must = "it reads features, and must raise topicforge.plugin.InputError"
        with raising_nothing(what, "construction without features", must, first):
            try:
                build(spec, {}, toy_context(n_features=0))
            except InputError:
                pass
            else:
                raise CheckError(
                    f"{what}: was built without features, but {must}. To correct it: {first}."
                )
    encoder, batch = toy_part(spec), toy_batch()
    changed = None if batch.features is None else batch.features + 1
    other = replace(batch, features=changed if reads else None)
    must = "it does not state that it reads them"
    change = "set reads_features = True on the class"
    with torch.no_grad(), raising_nothing(what, "a batch without features", must, change):
        same = torch.equal(encoder(batch).mean, encoder(other).mean)
    require(
        same != reads, what,
        "its posterior does not depend on batch.features" if reads else
        "its posterior changes with batch.features",
        f"it states reads_features = {reads}", "state in the class attribute what forward does",
    )  # fmt: skip


@check_for("encoder")
def check_wrong_width(spec: ComponentSpec) -> None:
    """A batch over another vocabulary is refused with an error of topicforge.plugin.

    Never torch's own index or shape error, and never a posterior in silence. The operators of
    topicforge.plugin.ops refuse it themselves; an encoder with layers of its own compares
    ``batch.vocab_size`` with ``self.context.vocab_size``.
    """
    what, encoder = title_of(spec), toy_part(spec)
    wide = torch.cat([torch.from_numpy(toy_counts()[:3].toarray()), torch.ones(3, 4)], 1).numpy()
    must = "it must raise topicforge.plugin.InputError"
    change = "compare batch.vocab_size with self.context.vocab_size first"
    with raising_nothing(what, "a batch with vocab_size 34 in place of 30", must, change):
        try:
            encoder(batch_of(wide, toy_features()[:3]))
        except TopicForgeError:
            return
    raise CheckError(
        f"{what}: took a batch with vocab_size 34 in place of 30, but {must}. To correct it: {change}."
    )


@check_for("encoder")
def check_reparameterised_encoder(spec: ComponentSpec) -> None:
    """Where ``latent.reparameterised`` is claimed, gradients through samples are the true ones.

    The gradient of E_q[f(z)] through ``rsample`` is compared with the score function's,
    E_q[(f(z) - mean) grad log q(z)], over 20 sets of 1000 samples each, in float64; they may differ
    by 5 standard errors of the difference (one false alarm in a million). A posterior without
    density (a point) is compared with finite differences of the sample.
    """
    declared = describe(spec, {})
    if not declared.reparameterised:
        raise NotApplicable(f"{title_of(spec)} does not claim to be reparameterised")
    encoder = toy_part(spec).double()
    n = 1000
    counts = toy_counts()[:1].toarray().repeat(n, 0)
    batch = batch_of(counts, toy_features()[:1].repeat(n, 0)).to("cpu", torch.float64)
    with torch.no_grad():
        one = encoder(batch)
    has_density = type(one).log_prob is not Distribution.log_prob
    torch.manual_seed(1)
    direction = [torch.randn_like(p) for p in encoder.parameters() if p.requires_grad]
    # every parameter moves by about a hundredth of the unit that its layer's sums are made of
    scale = sum(float(d.square().sum()) for d in direction) ** -0.5
    moved = [p for p in encoder.parameters() if p.requires_grad]
    weight = torch.cos(1 + torch.arange(one.mean.shape[-1], dtype=torch.float64))

    def along(value: Tensor) -> float:
        gradients = torch.autograd.grad(value, moved, allow_unused=True)
        pairs = zip(gradients, direction, strict=True)
        return float(scale * sum(float((g * d).sum()) for g, d in pairs if g is not None))

    def f(z: Tensor) -> Tensor:
        # bounded and smooth, in z and in theta, so that its averages settle
        return ((z.exp() if declared.space == "theta" else torch.tanh(z)) * weight).sum(-1)

    torch.manual_seed(2)
    if not has_density:
        came = along(f(encoder(batch).rsample()).mean())
        step, values = 1e-5, []
        for sign in (1, -1):
            with torch.no_grad():
                for p, d in zip(moved, direction, strict=True):
                    p.add_(d, alpha=sign * step * scale)
                values.append(float(f(encoder(batch).rsample()).mean()))
                for p, d in zip(moved, direction, strict=True):
                    p.sub_(d, alpha=sign * step * scale)
        expected, allowed = (values[0] - values[1]) / (2 * step), 1e-6 + 1e-4 * abs(came)
    else:
        gaps, paths = [], []
        for _ in range(20):
            q = encoder(batch)
            paths.append(along(f(q.rsample()).mean()))
            q = encoder(batch)
            z = q.rsample().detach()
            value = f(z)
            score = along(((value - value.mean()) * q.log_prob(z)).mean() * n / (n - 1))
            gaps.append(score - paths[-1])
        came = sum(paths) / len(paths)
        difference = torch.tensor(gaps, dtype=torch.float64)
        expected = came + float(difference.mean())
        allowed = 5 * float(difference.std()) / len(gaps) ** 0.5 + 1e-9
    require(
        abs(came - expected) <= allowed, title_of(spec),
        f"the gradient through rsample is {came:.4g} where {expected:.4g} +- {allowed:.2g} is right",
        "a reparameterised sample must carry the whole gradient",
        "draw noise that does not depend on the parameters and transform it without detach, or say "
        "Latent(..., reparameterised=False)",
    )  # fmt: skip
