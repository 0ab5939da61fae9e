r"""The network that wires five parts; readable in one sitting.

batch -> encoder -> q(z | x) -> z -> link -> log theta -> decoder -> log p(x | theta)
                         \-> divergence(q, p, samples)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from topicforge import distributed
from topicforge.contracts import (
    Batch,
    ComponentSpec,
    Context,
    Decoder,
    Encoder,
    Link,
    Prior,
    Rule,
    Samples,
)
from topicforge.distributed import seeded
from topicforge.distributions import Distribution
from topicforge.errors import InputError, MixError, PluginError, TopicForgeError
from topicforge.registry import build
from topicforge.wiring.composition import Composition

#: of the prior, for theta's mean under it: in parts, since each draw is K numbers
_DRAWS, _PARTS = 1 << 12, 1 << 4


@dataclass(frozen=True)
class Terms:
    """The loss terms of one batch.

    Args:
        reconstruction: (B,) -log p(x | theta).
        divergence: (B,) if the rule is per document, else a scalar of all documents of the batch.
        penalties: further scalars by name.
        log_theta: (B, K), the proportions without decoder noise, detached.
    """

    reconstruction: Tensor
    divergence: Tensor
    penalties: dict[str, Tensor]
    log_theta: Tensor


class Network(nn.Module):
    """Five parts in a row.

    Args:
        composition: the parts and the divergence rule.
        context: sizes and corpus facts.

    Raises:
        InputError: features with an encoder that reads none, or none with one that does.
        MixError: a prior whose anchors are not one for each topic.
    """

    def __init__(self, composition: Composition, context: Context) -> None:
        super().__init__()
        parts = composition.parts
        self.encoder: Encoder = build(parts["encoder"].spec, parts["encoder"].options, context)
        self.link: Link = build(parts["link"].spec, parts["link"].options, context)
        self.prior: Prior = build(parts["prior"].spec, parts["prior"].options, context)
        self.decoder: Decoder = build(parts["decoder"].spec, parts["decoder"].options, context)
        if context.n_features and not self.encoder.reads_features:
            raise InputError(
                f"TopicModel: encoder {parts['encoder'].spec.name!r} reads counts alone, so the "
                f"{context.n_features} features per document would change nothing; leave them out, or "
                "choose an encoder that reads them"
            )
        self.rule: Rule = composition.rule
        self.context = context
        self._declared = composition.posterior.distribution
        self._declared_prior = composition.prior_latent.distribution
        self._titles: dict[str, str] = {kind: _title(part.spec) for kind, part in parts.items()}
        anchors = self.prior.anchors()
        self.reads_anchors = anchors is not None
        if anchors is not None and len(anchors) != context.n_topics:
            raise MixError(
                f"TopicModel: topics are read from the anchors of prior {parts['prior'].spec.name!r}, one "
                f"each, but it has {len(anchors)} and n_topics is {context.n_topics}; make them equal "
                "(prior__n_components)"
            )

    def start(self) -> None:
        """Let every part set its parameters from corpus facts and files.

        Raises:
            PluginError: a part failed; or the prior has another width than the latent space.
        """
        for kind in ("encoder", "link", "prior", "decoder"):
            with self._blamed(kind):
                getattr(self, kind).start()
        p = self._prior()
        with self._blamed("prior"):
            shape = p.mean.shape
        expected = self.context.n_latent if p.space == "z" else self.context.n_topics
        if shape != (expected,):
            raise PluginError(
                f"{self._titles['prior']}: its distribution must have shape ({expected},), got "
                f"{tuple(shape)}; size it by context.n_latent"
            )

    def forward(
        self,
        batch: Batch,
        latent: Callable[[Tensor], Tensor] | None = None,
        theta: Callable[[Tensor], Tensor] | None = None,
    ) -> Terms:
        """Return the loss terms of B documents; the divergence sees z and theta as they are.

        Args:
            batch: the documents.
            latent: what the link is given instead of z (noise).
            theta: what the decoder is given instead of theta (noise).
        """
        q = self.posterior(batch)
        with self._blamed("encoder"):
            z = q.rsample()
        log_theta = self._through_link(z, batch)
        p = self._prior()
        with self._blamed("divergence", "encoder", "prior"), _full_precision(z.device.type):
            divergence = self._divergence(q, p, self._compared(q, p, z, log_theta))
        seen = log_theta if latent is None else self._through_link(latent(z), batch)
        given = seen.exp() if theta is None else theta(seen.exp())
        reconstruction = self._reconstruction(given, batch)
        with self._blamed("decoder"):
            penalties = self.decoder.penalties()
        return Terms(reconstruction, divergence, penalties, log_theta.detach())

    def autoencode(self, batch: Batch) -> Terms:
        """Reconstruction from the posterior's mean alone: autoencoder pretraining (VaDE)."""
        log_theta = self._through_link(self.posterior(batch).mean, batch)
        reconstruction = self._reconstruction(log_theta.exp(), batch)
        return Terms(reconstruction, reconstruction.new_zeros(()), {}, log_theta.detach())

    def posterior(self, batch: Batch) -> Distribution:
        """q(z | x) of the batch, of the declared type.

        Raises:
            PluginError: the encoder returned another type than it declares.
        """
        with self._blamed("encoder"):
            q = self.encoder(batch)
        if not isinstance(q, self._declared):
            raise PluginError(
                f"{self._titles['encoder']}: declares {self._declared.__name__} as its posterior but "
                f"returned {type(q).__name__}; its `latent` or `describe` is wrong"
            )
        return q.map_tensors(_full) if torch.is_autocast_enabled(batch.count.device.type) else q

    def first_not_finite(self, batch: Batch) -> str:
        """Name the first part on the way whose output has a number that is not finite."""
        with torch.no_grad():
            q = self.posterior(batch)
            z = q.rsample()
            log_theta, p = self.link(z), self._prior()
            draw = p.rsample(1)
            for kind, values in (
                ("encoder", (q.mean, z)),
                # log theta may be -inf, where theta is 0
                ("link", (log_theta.exp(),)),
                ("prior", (draw.exp() if p.space == "theta" else draw,)),
                ("decoder", (self.decoder.log_likelihood(log_theta.exp(), batch),)),
            ):
                bad = not all(bool(value.isfinite().all()) for value in values)
                if distributed.batch_sum(q.mean.new_tensor(float(bad))) > 0:
                    return self._titles[kind]
        return self._titles["divergence"]

    @torch.no_grad()
    def check(self, batch: Batch, terms: Terms) -> None:
        """Refuse parts whose first numbers can't be right, before time is spent on training them.

        Args:
            batch: the first documents.
            terms: what :meth:`forward` returned for them.

        Raises:
            PluginError: a positive log-likelihood; a negative divergence of a rule that calls itself
                exact; word distributions of another shape, or that don't sum to one.
        """
        found = float(terms.reconstruction.min()) if batch.n_documents else 0.0
        # zero, up to the rounding of a sum over a document's words
        if found < -1e-3 * (1 + float(batch.lengths().max() if batch.n_documents else 0)):
            raise PluginError(
                f"{self._titles['decoder']}: log_likelihood must be the logarithm of a probability, at "
                f"most 0, but is {-found:.4g} for a document of the first batch; return "
                f"sum_v x_v log p_v, not its negative"
            )
        least = float(terms.divergence.min()) if terms.divergence.numel() else 0.0
        if self.rule.exactness == "closed form" and least < -1e-2:
            raise PluginError(
                f"{self._titles['divergence']}: a rule in closed form ({self.rule.summary}) must give at "
                f"least 0, but gave {least:.4g} in the first batch; look at its sign, or give its "
                f"exactness as 'approximation'"
            )
        training = self.training
        self.eval()
        with self._blamed("decoder"):
            topic_word, own, scores = self.topic_word(), self.own_words(), self.word_scores()
        self.train(training)
        expected = (self.context.n_topics, self.context.vocab_size)
        named = {"topic_word": topic_word, "own_words": own, "word_scores": scores}
        for method, value in named.items():
            if value.shape != expected:
                raise PluginError(
                    f"{self._titles['decoder']}: {method} must give one row per topic and one column "
                    f"per word, (K, V) = {expected}, but gave {tuple(value.shape)}"
                )
        for method in ("topic_word", "own_words"):
            value = named[method]
            apart = float((value.sum(1) - 1).abs().max())
            if not (apart < 1e-2 and float(value.min()) >= 0):
                raise PluginError(
                    f"{self._titles['decoder']}: the rows of {method} must be distributions, but one sums "
                    f"to 1 {apart:+.4g}, and the smallest number is {float(value.min()):.4g}"
                )

    def infer(self, batch: Batch) -> Tensor:
        """Theta at the posterior's mean, (B, K), over the topics that :meth:`topic_word` lists.

        Where topics are read from the prior's anchors, the prior may say how much of each a document
        has, so that column k of theta always belongs to topic k.
        """
        mean = self.posterior(batch).mean
        if self.reads_anchors:
            with self._blamed("prior"):
                shares = self.prior.anchor_proportions(mean)
            if shares is not None:
                return self._one_per_topic(shares, (batch.n_documents,))
        with self._blamed("link", "encoder"):
            theta: Tensor = self.link(mean).exp()
        return theta

    @torch.no_grad()
    def prior_theta(self) -> Tensor:
        """Theta's mean under the prior, (K,): what an empty document gets.

        The closed form where the prior is a distribution of theta. Of link(z) with z ~ p there is none:
        the mean of 2^16 draws with a fixed seed, whose standard error is at most 0.5 / 2^8 = 0.002.
        """
        if self.reads_anchors:
            with self._blamed("prior"):
                shares = self.prior.anchor_proportions(None)
            if shares is not None:
                return self._one_per_topic(shares, ())
        p = self._prior()
        if p.space == "theta":
            return p.mean.exp()
        with seeded(0, p.mean.device), self._blamed("prior", "link"):
            total = sum(self.link(p.rsample(_DRAWS)).exp().sum(0) for _ in range(_PARTS))
        mean: Tensor = total / (_PARTS * _DRAWS)
        return mean

    def anchor_theta(self) -> Tensor:
        """(K, K) thetas at which topics are read."""
        anchors = self.prior.anchors()
        if anchors is not None:
            theta: Tensor = self.link(anchors).exp()
            return theta
        weight = next(self.decoder.parameters())
        return torch.eye(self.context.n_topics, dtype=weight.dtype, device=weight.device)

    def topic_word(self) -> Tensor:
        """(K, V) word distributions by which the topics predict."""
        return self.decoder.topic_word(self.anchor_theta())

    def word_topic_vectors(self) -> tuple[Tensor, Tensor] | None:
        """Word (V, d) and topic vectors (K, d) of the decoder, or else of the encoder."""
        vectors = self.decoder.word_topic_vectors()
        return self.encoder.word_topic_vectors() if vectors is None else vectors

    def own_words(self) -> Tensor:
        """(K, V) word distributions of the topics, background aside."""
        return self.decoder.own_words(self.anchor_theta())

    def word_scores(self) -> Tensor:
        """(K, V) scores by which top words are ranked."""
        return self.decoder.word_scores(self.anchor_theta())

    def _compared(self, q: Distribution, p: Distribution, z: Tensor, log_theta: Tensor) -> Samples:
        """What the divergence compares.

        Where samples of both sides go through the link, its weights get no gradient from the divergence:
        a link that takes everything to one point would make any two samples alike.
        """
        trained = any(weight.requires_grad for weight in self.link.parameters())
        if not (trained and self.rule.space == "theta" and q.space == p.space == "z"):
            return Samples(z, log_theta, self.link)
        held = {name: weight.detach() for name, weight in self.link.named_parameters()}

        def link(latent: Tensor) -> Tensor:
            through: Tensor = functional_call(self.link, held, (latent,))
            return through

        return Samples(z, _full(link(z)), link)

    def _divergence(self, q: Distribution, p: Distribution, samples: Samples) -> Tensor:
        """(B,) per document; or what is no mean over documents: a scalar of those of all processes."""
        rule = self.rule
        if rule.per_document:
            value = rule.compute(q, p, samples)
        else:
            z, log_theta = map(distributed.batch_gather, (samples.z, samples.log_theta))
            if rule.reads_posterior:
                q = q.map_tensors(distributed.batch_gather)
            # all rows are here, on every process
            with distributed.splitting(None):
                value = rule.compute(q, p, Samples(z, log_theta, samples.link))
        expected = samples.z.shape[:1] if rule.per_document else ()
        if value.shape != expected:
            raise PluginError(
                f"{self._titles['divergence']}: the rule {rule.summary!r} must give "
                f"{'one number per document' if rule.per_document else 'one number per batch'}, "
                f"{tuple(expected)}, but gave {tuple(value.shape)}"
            )
        return value

    def _prior(self) -> Distribution:
        with self._blamed("prior"):
            p = self.prior.distribution()
        if not isinstance(p, self._declared_prior):
            raise PluginError(
                f"{self._titles['prior']}: declares {self._declared_prior.__name__} as its distribution "
                f"but returned {type(p).__name__}; its `latent` or `describe` is wrong"
            )
        return p

    def _through_link(self, z: Tensor, batch: Batch) -> Tensor:
        sizes = self.context
        width = sizes.n_latent if self.link.accepts == "z" else sizes.n_topics
        if z.shape != (batch.n_documents, width):
            raise PluginError(
                f"{self._titles['encoder']}: a sample of its posterior must have one row per document, "
                f"{(batch.n_documents, width)}, but has shape {tuple(z.shape)}"
            )
        with self._blamed("link", "encoder"):
            log_theta: Tensor = self.link(z)
        expected = (batch.n_documents, self.context.n_topics)
        if log_theta.shape != expected:
            raise PluginError(
                f"{self._titles['link']}, after {self._titles['encoder']}: log theta must be {expected}, "
                f"one row per document, but z of shape {tuple(z.shape)} became {tuple(log_theta.shape)}"
            )
        return _full(log_theta)

    @contextmanager
    def _blamed(self, *kinds: str) -> Iterator[None]:
        """What a part raises that is not ours becomes an error that names it and its package."""
        try:
            yield
        except TopicForgeError:
            raise
        except Exception as error:
            suspects = ", with ".join(self._titles[kind] for kind in kinds)
            raise PluginError(
                f"{suspects}: failed with {type(error).__name__}: {error}, which is an error in the component"
            ) from error

    def _reconstruction(self, theta: Tensor, batch: Batch) -> Tensor:
        with self._blamed("decoder"):
            log_likelihood = self.decoder.log_likelihood(theta, batch)
        if log_likelihood.shape != (batch.n_documents,):
            raise PluginError(
                f"{self._titles['decoder']}: log_likelihood must give one number per document, "
                f"({batch.n_documents},), but gave {tuple(log_likelihood.shape)}"
            )
        return -log_likelihood

    def _one_per_topic(self, shares: Tensor, documents: tuple[int, ...]) -> Tensor:
        expected = (*documents, self.context.n_topics)
        if shares.shape != expected:
            raise PluginError(
                f"{self._titles['prior']}: anchor_proportions must give one number per anchor, "
                f"{expected}, but gave {tuple(shares.shape)}"
            )
        return shares


def _full(x: Tensor) -> Tensor:
    """float32 out of autocast's bfloat16: sampling, KL, softmax and kernels need its digits."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x


def _full_precision(device_type: str) -> AbstractContextManager[Any]:
    return torch.autocast(device_type, enabled=False)


def _title(spec: ComponentSpec) -> str:
    """``prior 'wide' of my-package 1.2``; a part handed in as a class has no package."""
    of = f" of {spec.distribution} {spec.version}" if spec.distribution else ""
    return f"{spec.kind} {spec.name!r}{of}"
