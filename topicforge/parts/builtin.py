"""The built-in plugin: it registers the built-in parts through the hook that every plugin has."""

from __future__ import annotations

from typing import Any

from topicforge.contracts.api import hookimpl
from topicforge.corpus import CORPORA, READERS
from topicforge.evaluation import METRICS
from topicforge.parts import decoders, divergences, encoders, links, priors, regularisers
from topicforge.parts.presets import PRESETS

TOPICFORGE_API = 1

#: kind -> (name, class, summary, source)
PARTS: dict[str, tuple[tuple[str, type, str, str], ...]] = {
    "encoder": (
        ("mlp", encoders.MlpEncoder,
         "MLP, diagonal-Gaussian posterior", "Kingma and Welling 2014"),
        ("mlp-point", encoders.MlpPointEncoder,
         "MLP, deterministic point", "Tolstikhin 2018; Nan 2019"),
        ("mlp-dirichlet", encoders.MlpDirichletEncoder,
         "MLP, reparameterised Dirichlet posterior", "Burkhardt and Kramer 2019; Figurnov 2018"),
        ("spectral", encoders.SpectralEncoder,
         "no hidden layer, started from the corpus' own word vectors and clusters",
         "Levy and Goldberg 2014 (positive PMI)"),
    ),
    "link": (
        ("softmax", links.SoftmaxLink, "theta = softmax(z)", "Dieng 2020, section 4"),
        ("linear-softmax", links.LinearSoftmaxLink, "theta = softmax(W z + b)", "Miao 2017"),
        ("simplex", links.SimplexLink,
         "identity, for posteriors on the simplex", "Burkhardt and Kramer 2019"),
    ),
    "prior": (
        ("gaussian", priors.GaussianPrior, "N(0, variance I)", "Kingma and Welling 2014"),
        ("dirichlet", priors.DirichletPrior, "symmetric Dirichlet", "Nan 2019"),
        ("gmm", priors.GmmPrior, "Gaussian mixture, fixed or learned",
         "Jiang 2017; Zhang, survey, eq. 12 and 13"),
    ),
    "divergence": (
        ("kl", divergences.KlDivergence, "KL by a table of rules; Monte Carlo on request",
         "Kingma and Welling 2014; Jiang 2017; Zhang, survey, eq. 3 to 6 and 17"),
        ("mmd", divergences.MmdDivergence, "maximum mean discrepancy",
         "Gretton 2012; Tolstikhin 2018; Zhang, survey, eq. 10 and 11"),
        ("none", divergences.NoDivergence, "reconstruction alone", "Nan 2019, supplement"),
    ),
    "decoder": (
        ("mixture", decoders.MixtureDecoder, "p(x) = theta beta", "Miao 2017"),
        ("product", decoders.ProductDecoder,
         "p(x) = softmax(W theta + b)", "Srivastava and Sutton 2017; Nan 2019"),
        ("embedding", decoders.EmbeddingDecoder, "beta = softmax(rho alpha^T)", "Dieng 2020"),
        ("mlp", decoders.MlpDecoder, "softmax or Bernoulli of an MLP of theta",
         "Jiang 2017; Zhang, survey, eq. 17"),
    ),
    "regulariser": (
        ("warm-up", regularisers.WarmUp, "the divergence's weight rises from 0", "Bowman 2016"),
        ("cyclical", regularisers.Cyclical, "it rises several times", "Fu 2019, eq. 6 and 7"),
        ("free-bits", regularisers.FreeBits, "a little divergence costs nothing", "Kingma 2016"),
        ("alternate", regularisers.Alternate,
         "decoder and encoder train in turns", "Miao 2017, published code"),
        ("distinct-topics", regularisers.DistinctTopics,
         "topics' own words are told apart at the end of training, with theta held",
         "Vorontsov and Potapenko 2015; Ding 2018"),
        ("latent-noise", regularisers.LatentNoise,
         "noise on z before the link", "Vincent 2008, in latent space"),
        ("theta-noise", regularisers.ThetaNoise,
         "noise on theta before the decoder", "Nan 2019, section 3.3"),
        ("topic-decorrelation", regularisers.TopicDecorrelation,
         "topics are pushed apart", "Bansal 2018, eq. 1, on topics"),
    ),
}  # fmt: skip


@hookimpl
def topicforge_register(register: Any) -> None:
    """Register what topicforge brings itself."""
    for kind, parts in PARTS.items():
        for name, part, summary, source in parts:
            getattr(register, kind)(name, part, summary=summary, source=source)
    for rule in divergences.KL_RULES:
        register.divergence_rule(
            rule.divergence, rule.rule, posterior=rule.posterior, prior=rule.prior,
            needs_softmax_link=rule.needs_softmax_link,
        )  # fmt: skip
    for preset in PRESETS.values():
        register.preset(
            preset.name, preset.settings,
            summary=preset.summary, source=preset.source, notes=preset.notes,
        )  # fmt: skip
    for metric in METRICS.values():
        register.metric(
            metric.name, metric.function,
            summary=metric.summary, source=metric.source, needs=metric.needs,
            higher_is_better=metric.higher_is_better,
        )  # fmt: skip
    for reader in READERS.values():
        register.reader(
            reader.name, reader.read, summary=reader.summary, files=reader.files, gives=reader.gives,
            options=reader.options, in_parts=reader.in_parts, compressed=reader.compressed,
        )  # fmt: skip
    for corpus in CORPORA.values():
        register.corpus(
            corpus.name, corpus.read, summary=corpus.summary, gives=corpus.gives,
            defaults=corpus.defaults,
        )  # fmt: skip
