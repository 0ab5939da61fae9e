"""The built-in plugin: it registers the built-in parts through the hook that every plugin has."""

from __future__ import annotations

from typing import Any

from topicforge.contracts.api import hookimpl
from topicforge.evaluation import METRICS
from topicforge.parts import decoders, divergences, encoders, links, priors, regularisers
from topicforge.parts.presets import PRESETS

TOPICFORGE_API = 1


@hookimpl
def topicforge_register(register: Any) -> None:
    """Register what topicforge brings itself."""
    register.encoder(
        "mlp", encoders.MlpEncoder,
        summary="MLP, diagonal-Gaussian posterior", source="Kingma and Welling 2014",
    )  # fmt: skip
    register.encoder(
        "mlp-point", encoders.MlpPointEncoder,
        summary="MLP, deterministic point", source="Tolstikhin 2018; Nan 2019",
    )  # fmt: skip
    register.encoder(
        "mlp-dirichlet", encoders.MlpDirichletEncoder,
        summary="MLP, reparameterised Dirichlet posterior",
        source="Burkhardt and Kramer 2019; Figurnov 2018",
    )  # fmt: skip
    register.encoder(
        "spectral", encoders.SpectralEncoder,
        summary="no hidden layer, started from the corpus' own word vectors and clusters",
        source="Levy and Goldberg 2014 (positive PMI)",
    )  # fmt: skip

    register.link(
        "softmax", links.SoftmaxLink, summary="theta = softmax(z)", source="Dieng 2020, section 4"
    )
    register.link(
        "linear-softmax", links.LinearSoftmaxLink,
        summary="theta = softmax(W z + b)", source="Miao 2017",
    )  # fmt: skip
    register.link(
        "simplex", links.SimplexLink,
        summary="identity, for posteriors on the simplex", source="Burkhardt and Kramer 2019",
    )  # fmt: skip

    register.prior(
        "gaussian", priors.GaussianPrior,
        summary="N(0, variance I)", source="Kingma and Welling 2014",
    )  # fmt: skip
    register.prior(
        "dirichlet", priors.DirichletPrior, summary="symmetric Dirichlet", source="Nan 2019"
    )
    register.prior(
        "gmm", priors.GmmPrior,
        summary="Gaussian mixture, fixed or learned",
        source="Jiang 2017; Zhang, survey, eq. 12 and 13",
    )  # fmt: skip

    register.divergence(
        "kl", divergences.KlDivergence,
        summary="KL by a table of rules; Monte Carlo on request",
        source="Kingma and Welling 2014; Jiang 2017; Zhang, survey, eq. 3 to 6 and 17",
    )  # fmt: skip
    register.divergence(
        "mmd", divergences.MmdDivergence,
        summary="maximum mean discrepancy",
        source="Gretton 2012; Tolstikhin 2018; Zhang, survey, eq. 10 and 11",
    )  # fmt: skip
    register.divergence(
        "none", divergences.NoDivergence,
        summary="reconstruction alone", source="Nan 2019, supplement",
    )  # fmt: skip

    for rule in divergences.KL_RULES:
        register.divergence_rule(
            rule.divergence, rule.rule, posterior=rule.posterior, prior=rule.prior,
            needs_softmax_link=rule.needs_softmax_link,
        )  # fmt: skip

    register.decoder(
        "mixture", decoders.MixtureDecoder, summary="p(x) = theta beta", source="Miao 2017"
    )
    register.decoder(
        "product", decoders.ProductDecoder,
        summary="p(x) = softmax(W theta + b)", source="Srivastava and Sutton 2017; Nan 2019",
    )  # fmt: skip
    register.decoder(
        "embedding", decoders.EmbeddingDecoder,
        summary="beta = softmax(rho alpha^T)", source="Dieng 2020",
    )  # fmt: skip
    register.decoder(
        "mlp", decoders.MlpDecoder,
        summary="softmax or Bernoulli of an MLP of theta", source="Jiang 2017; Zhang, survey, eq. 17",
    )  # fmt: skip

    register.regulariser(
        "warm-up", regularisers.WarmUp,
        summary="the divergence's weight rises from 0", source="Bowman 2016",
    )  # fmt: skip
    register.regulariser(
        "cyclical", regularisers.Cyclical,
        summary="it rises several times", source="Fu 2019, eq. 6 and 7",
    )  # fmt: skip
    register.regulariser(
        "free-bits", regularisers.FreeBits,
        summary="a little divergence costs nothing", source="Kingma 2016",
    )  # fmt: skip
    register.regulariser(
        "alternate", regularisers.Alternate,
        summary="decoder and encoder train in turns", source="Miao 2017, published code",
    )  # fmt: skip
    register.regulariser(
        "latent-noise", regularisers.LatentNoise,
        summary="noise on z before the link", source="Vincent 2008, in latent space",
    )  # fmt: skip
    register.regulariser(
        "theta-noise", regularisers.ThetaNoise,
        summary="noise on theta before the decoder", source="Nan 2019, section 3.3",
    )  # fmt: skip
    register.regulariser(
        "topic-decorrelation", regularisers.TopicDecorrelation,
        summary="topics are pushed apart", source="Bansal 2018, eq. 1, on topics",
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
