"""Every hook a plugin may implement: signature, meaning, example.

A hook is handed a register object with one narrow verb and returns nothing. Each registration is
checked at once: a kebab-case name; a factory that takes the context and then keyword-only options
with defaults (divergences, regularisers and callbacks take no context; a metric takes its input and has a
snake_case name); a summary; a source. All hooks of a
plugin are staged and enter the registry together, or not at all.

Each example is a whole plugin module. A package names the module in its ``pyproject.toml``::

    [project.entry-points.topicforge]
    my-plugin = "my_package.my_module"
"""

from __future__ import annotations

from topicforge.contracts.api import hookspec
from topicforge.registry.register import (
    CallbackRegister,
    DecoderRegister,
    DivergenceRegister,
    EncoderRegister,
    LinkRegister,
    MetricRegister,
    PresetRegister,
    PriorRegister,
    RegulariserRegister,
    RuleRegister,
)


@hookspec
def topicforge_register_encoders(register: EncoderRegister) -> None:
    """Register encoders: a sparse batch -> a posterior of the type that ``latent`` declares.

    Example::

        from torch import nn

        from topicforge.plugin import DiagonalNormal, Encoder, Latent, hookimpl, ops

        TOPICFORGE_API = 1


        class LinearEncoder(Encoder):
            latent = Latent(DiagonalNormal)

            def __init__(self, context, *, log_var=0.0):
                super().__init__(context)
                self.layer = nn.Linear(context.vocab_size, context.n_latent)
                self.log_var = log_var

            def forward(self, batch):
                loc = ops.sparse_linear(
                    batch.crow, batch.col, batch.count, self.layer.weight.T, self.layer.bias
                )
                return DiagonalNormal(loc, loc.new_full(loc.shape, self.log_var))


        @hookimpl
        def topicforge_register_encoders(register):
            register.encoder(
                "linear", LinearEncoder, summary="one layer, fixed variance", source="this page"
            )
    """


@hookspec
def topicforge_register_links(register: LinkRegister) -> None:
    """Register links: z (B, L) -> log theta (B, K).

    Example::

        import torch

        from topicforge.plugin import Link, hookimpl

        TOPICFORGE_API = 1


        class TemperedSoftmax(Link):
            def __init__(self, context, *, temperature=1.0):
                super().__init__(context)
                self.temperature = temperature

            def forward(self, z):
                return torch.log_softmax(z / self.temperature, -1)


        @hookimpl
        def topicforge_register_links(register):
            register.link(
                "tempered", TemperedSoftmax, summary="softmax(z / temperature)", source="this page"
            )
    """


@hookspec
def topicforge_register_priors(register: PriorRegister) -> None:
    """Register priors: no batch -> the distribution that ``latent`` declares.

    Example::

        import torch

        from topicforge.plugin import DiagonalNormal, Latent, Prior, hookimpl

        TOPICFORGE_API = 1


        class ShiftedPrior(Prior):
            latent = Latent(DiagonalNormal, trainable=False)

            def __init__(self, context, *, shift=1.0):
                super().__init__(context)
                self.register_buffer("loc", torch.full((context.n_latent,), shift))

            def distribution(self):
                return DiagonalNormal(self.loc, torch.zeros_like(self.loc))


        @hookimpl
        def topicforge_register_priors(register):
            register.prior("shifted", ShiftedPrior, summary="N(shift, I)", source="this page")
    """


@hookspec
def topicforge_register_divergences(register: DivergenceRegister) -> None:
    """Register divergences: two declarations -> the rule that measures how far q is from p.

    Example::

        from topicforge.plugin import Divergence, MixError, Rule, hookimpl

        TOPICFORGE_API = 1


        class MeanDistance(Divergence):
            serves = "pairs in one space"

            def __init__(self, *, weight=1.0):
                self.weight = weight

            def resolve(self, sides):
                if sides.posterior.space != sides.prior.space:
                    raise MixError("both sides must live in one space")
                return Rule(
                    self.compute, "closed form", sides.prior.space, "this page",
                    "squared distance of the means",
                )

            def compute(self, q, p, samples):
                return self.weight * (q.mean - p.mean).square().sum(-1)


        @hookimpl
        def topicforge_register_divergences(register):
            register.divergence(
                "mean-distance", MeanDistance, summary="|mean q - mean p|^2", source="this page"
            )
    """


@hookspec
def topicforge_register_decoders(register: DecoderRegister) -> None:
    """Register decoders: theta (B, K) and a batch -> log p(x | theta) (B,).

    Example::

        import torch
        from torch import nn

        from topicforge.plugin import Decoder, hookimpl, ops

        TOPICFORGE_API = 1


        class SmoothedMixture(Decoder):
            def __init__(self, context, *, smoothing=0.01):
                super().__init__(context)
                self.logits = nn.Parameter(torch.randn(context.vocab_size, context.n_topics))
                self.smoothing = smoothing

            def beta(self):
                uniform = 1 / self.logits.shape[0]
                return (1 - self.smoothing) * self.logits.softmax(0) + self.smoothing * uniform

            def log_likelihood(self, theta, batch):
                return -ops.sparse_multinomial_nll(
                    batch.crow, batch.col, batch.count, theta, self.beta()
                )

            def topic_word(self, theta):
                return theta @ self.beta().T


        @hookimpl
        def topicforge_register_decoders(register):
            register.decoder(
                "smoothed", SmoothedMixture, summary="mixture with a floor", source="this page"
            )
    """


@hookspec
def topicforge_register_divergence_rules(register: RuleRegister) -> None:
    """Register how a divergence, one's own or another's, is computed for a pair of types.

    The most specific pair by subclass wins. A pair that has a rule already, or that two rules
    match equally well, is refused.

    Example::

        from topicforge.plugin import DiagonalNormal, Rule, RuleSpec, hookimpl

        TOPICFORGE_API = 1


        class UnitNormal(DiagonalNormal):
            pass


        def kl_to_unit(q, p, samples):
            return 0.5 * (q.loc.square() + q.log_var.exp() - 1 - q.log_var).sum(-1)


        @hookimpl
        def topicforge_register_divergence_rules(register):
            rule = Rule(kl_to_unit, "closed form", "z", "this page", "KL to N(0, I)")
            register.divergence_rule(RuleSpec("kl", DiagonalNormal, UnitNormal, rule))
    """


@hookspec
def topicforge_register_presets(register: PresetRegister) -> None:
    """Register named settings: what ``TopicModel`` takes, part options as ``prior__option``.

    Example::

        from topicforge.plugin import hookimpl

        TOPICFORGE_API = 1


        @hookimpl
        def topicforge_register_presets(register):
            register.preset(
                "sparse-w-lda",
                {"prior": "dirichlet", "prior__concentration": 0.01, "divergence": "mmd"},
                summary="few topics a document",
                source="this page",
            )
    """


@hookspec
def topicforge_register_regularisers(register: RegulariserRegister) -> None:
    """Register rules of training: schedules, regularisers, what moves when.

    Example::

        from topicforge.plugin import Regulariser, hookimpl

        TOPICFORGE_API = 1


        class SmallDecoder(Regulariser):
            def __init__(self, *, weight=1e-3):
                self.weight = weight

            def penalty(self, network, now):
                return self.weight * sum(p.square().sum() for p in network.decoder.parameters())


        @hookimpl
        def topicforge_register_regularisers(register):
            register.regulariser(
                "small-decoder", SmallDecoder, summary="weight decay of one part", source="this page"
            )
    """


@hookspec
def topicforge_register_callbacks(register: CallbackRegister) -> None:
    """Register callbacks: they see epochs and steps, and may stop training.

    Example::

        from topicforge.plugin import Callback, hookimpl

        TOPICFORGE_API = 1


        class StopAt(Callback):
            def __init__(self, *, loss=100.0):
                self.loss = loss

            def on_epoch_end(self, report):
                return report.loss <= self.loss


        @hookimpl
        def topicforge_register_callbacks(register):
            register.callback(
                "stop-at", StopAt, summary="stops at a loss", source="this page"
            )
    """


@hookspec
def topicforge_register_metrics(register: MetricRegister) -> None:
    """Register metrics: a :class:`~topicforge.plugin.MetricInput` -> a number, or a Score.

    What it ``needs`` beside the topics (bow, vocabulary, texts, theta, labels, ...) is there when it
    is called; keyword-only arguments are its options.

    Example::

        import numpy as np

        from topicforge.plugin import hookimpl

        TOPICFORGE_API = 1


        def effective_topics(given, *, base=2.0):
            theta = np.clip(given.theta, 1e-12, None)
            entropy = -(theta * np.log(theta)).sum(1) / np.log(base)
            return float(np.mean(base**entropy))


        @hookimpl
        def topicforge_register_metrics(register):
            register.metric(
                "effective_topics",
                effective_topics,
                summary="mean over documents of base^entropy(theta)",
                source="this page",
                needs=("theta",),
            )
    """
