"""Checks of encoders: the posterior's type, shape and support, and its gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from topicforge.contracts import Batch, ComponentSpec, Encoder
from topicforge.distributions import Distribution
from topicforge.errors import InputError, MixError, TopicForgeError
from topicforge.testing.catalogue import check_for
from topicforge.testing.failure import CheckError, NotApplicable, require
from topicforge.testing.subject import build, describe, title_of
from topicforge.testing.support import require_support
from topicforge.testing.toys import batch_of, toy_batch, toy_context, toy_counts, toy_features


def _encoder(spec: ComponentSpec) -> Encoder:
    torch.manual_seed(0)
    encoder: Encoder = build(spec, toy_context()).eval()
    return encoder


@check_for("encoder")
def check_posterior(spec: ComponentSpec) -> None:
    """``forward(batch)`` returns the distribution that ``latent`` declares, one a document.

    Means and samples have shape (B, L), L = K where it lives on the simplex; samples lie in the
    declared space: z is finite, theta is handed on as log theta whose exp sums to one.
    """
    what, declared = title_of(spec), describe(spec)
    context = toy_context() if declared.space == "theta" else toy_context(4, 6)
    torch.manual_seed(0)
    try:
        encoder = spec.factory(context).eval()
    except MixError:
        context = toy_context()
        encoder = _encoder(spec)
    with torch.no_grad():
        q = encoder(toy_batch(6, empty=(5,)))
        require(
            isinstance(q, declared.distribution), what, f"returned {type(q).__name__}",
            f"it declares {declared.distribution.__name__}", "make `latent` say what forward returns",
        )  # fmt: skip
        width = context.n_topics if declared.space == "theta" else context.n_latent
        for name, value in (("mean", q.mean), ("rsample()", q.rsample())):
            require(
                tuple(value.shape) == (6, width), what, f"{name} has shape {tuple(value.shape)}",
                f"6 documents of width {width} were asked for",
                "size the last layer by context.n_latent (context.n_topics on the simplex)",
            )  # fmt: skip
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
    encoder = _encoder(spec)
    with torch.no_grad():
        together = encoder(toy_batch(6)).mean
        counts, features = toy_counts()[:6].toarray(), toy_features()[:6]
        alone = torch.cat(
            [encoder(batch_of(counts[i : i + 1], features[i : i + 1])).mean for i in range(6)]
        )
    # float32 sums in another order: 1e-5 of the largest entry is a hundred roundings
    gap = float((together - alone).abs().max()) / max(float(together.abs().max()), 1.0)
    require(
        gap < 1e-5, title_of(spec),
        f"means differ by {gap:.2g} when documents are encoded one by one in eval mode",
        "a document's posterior must not depend on its neighbours",
        "use running statistics in eval mode (batch norm), and sum over words, not documents",
    )  # fmt: skip


@check_for("encoder")
def check_features_declared(spec: ComponentSpec) -> None:
    """An encoder that reads ``batch.features`` says ``reads_features = True``, and only such a one.

    It then refuses, with InputError, a context without features; one that does not say so works
    without any, and gives the same posterior with and without them.
    """
    what, reads = title_of(spec), bool(getattr(spec.factory, "reads_features", False))
    if reads:
        try:
            spec.factory(toy_context(n_features=0))
        except InputError:
            pass
        except Exception as error:
            raise CheckError(
                f"{what}: without features it raised {type(error).__name__}: {error}, but "
                "must raise InputError. To mend it: call super().__init__(context) first."
            ) from error
        else:
            raise CheckError(
                f"{what}: was built although the context has no features, but it reads them. To mend "
                "it: call super().__init__(context) first."
            )
    encoder = _encoder(spec)
    batch = toy_batch()
    changed = None if batch.features is None else batch.features + 1
    other = Batch(batch.crow, batch.col, batch.count, batch.vocab_size, changed if reads else None)
    try:
        with torch.no_grad():
            same = torch.equal(encoder(batch).mean, encoder(other).mean)
    except (AttributeError, TypeError, RuntimeError) as error:
        raise CheckError(
            f"{what}: without batch.features it raised {type(error).__name__}: {error}, but it does "
            "not say that it reads them. To mend it: reads_features = True on the class."
        ) from error
    require(
        same != reads, what,
        "its posterior does not depend on batch.features" if reads else
        "its posterior changes with batch.features",
        f"it says reads_features = {reads}", "make the class attribute say what forward does",
    )  # fmt: skip


@check_for("encoder")
def check_wrong_width(spec: ComponentSpec) -> None:
    """A batch over another vocabulary is refused with an error of topicforge.plugin.

    Never torch's own index or shape error, and never a posterior in silence. The operators of
    topicforge.plugin.ops refuse it themselves; an encoder with layers of its own compares
    ``batch.vocab_size`` with ``self.context.vocab_size``.
    """
    encoder = _encoder(spec)
    counts = toy_counts()[:3].toarray()
    wide = torch.cat([torch.from_numpy(counts), torch.ones(3, 4)], 1).numpy()
    try:
        encoder(batch_of(wide, toy_features()[:3]))
    except TopicForgeError:
        return
    except Exception as error:
        raise CheckError(
            f"{title_of(spec)}: a batch with vocab_size 34 in place of 30 raised "
            f"{type(error).__name__}: {error}, but it must raise topicforge.plugin.InputError. To "
            "mend it: compare batch.vocab_size with self.context.vocab_size first."
        ) from error
    raise CheckError(
        f"{title_of(spec)}: took a batch with vocab_size 34 in place of 30, but must raise "
        "topicforge.plugin.InputError. To mend it: compare batch.vocab_size with "
        "self.context.vocab_size."
    )


@check_for("encoder")
def check_reparameterised_encoder(spec: ComponentSpec) -> None:
    """Where ``latent.reparameterised`` is claimed, gradients through samples are the true ones.

    The gradient of E_q[f(z)] through ``rsample`` is compared with the score function's,
    E_q[(f(z) - mean) grad log q(z)], over 20 sets of 1000 samples each, in float64; they may differ
    by 5 standard errors of the difference (one false alarm in a million). A posterior without
    density (a point) is compared with finite differences of the sample.
    """
    declared = describe(spec)
    if not declared.reparameterised:
        raise NotApplicable(f"{title_of(spec)} does not claim to be reparameterised")
    encoder = _encoder(spec).double()
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
