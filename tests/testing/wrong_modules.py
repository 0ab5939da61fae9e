"""Encoders, links, priors and decoders that are wrong on purpose, each in one way."""

import math
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from topicforge.plugin import (
    Batch,
    Decoder,
    DiagonalNormal,
    Dirichlet,
    Encoder,
    Latent,
    Link,
    OptionError,
    Prior,
    ops,
)


class GoodEncoder(Encoder):
    """One sparse layer; what the wrong ones differ from."""

    latent = Latent(DiagonalNormal)

    def __init__(self, context):
        super().__init__(context)
        self.weight = nn.Parameter(0.1 * torch.randn(context.vocab_size, context.n_latent))
        self.bias = nn.Parameter(torch.zeros(context.n_latent))

    def loc(self, batch):
        return ops.sparse_linear(batch.crow, batch.col, batch.count, self.weight, self.bias)

    def forward(self, batch):
        loc = self.loc(batch)
        return DiagonalNormal(loc, torch.zeros_like(loc))


class NeedsVocabulary(GoodEncoder):
    def __init__(self, context):
        super().__init__(context)
        self.longest = max(map(len, context.vocabulary))


class DescribesOtherDefaults(GoodEncoder):
    def __init__(self, context, *, fixed=False):  # noqa: ARG002
        super().__init__(context)

    @classmethod
    def describe(cls, *, fixed=True):
        return Latent(DiagonalNormal, reparameterised=fixed)


class TakesNan(GoodEncoder):
    def __init__(self, context, *, scale=1.0):  # noqa: ARG002
        super().__init__(context)


class TypeErrorOnNonsense(GoodEncoder):
    def __init__(self, context, *, scale=1.0):
        super().__init__(context)
        if math.isnan(scale):
            raise OptionError("scale must be a number")


class ForgottenSuper(GoodEncoder):
    def __init__(self, context):
        self.weight = nn.Parameter(torch.zeros(context.vocab_size, context.n_latent))


class PlainConstant(GoodEncoder):
    """Computes the same after loading, and still stays behind on the CPU."""

    def __init__(self, context):
        super().__init__(context)
        self.scales = [torch.ones(context.n_latent)]

    def forward(self, batch):
        q = super().forward(batch)
        return DiagonalNormal(q.loc * self.scales[0].to(q.loc), q.log_var)


class ReadsVocabulary(GoodEncoder):
    def __init__(self, context):
        super().__init__(context)
        self.scale = 2.0 if context.vocabulary is None else 1.0

    def forward(self, batch):
        q = super().forward(batch)
        return DiagonalNormal(q.loc * self.scale, q.log_var)


class PlainTensor(GoodEncoder):
    def __init__(self, context):
        super().__init__(context)
        self.shift = torch.randn(context.n_latent)

    def forward(self, batch):
        loc = self.loc(batch)
        return DiagonalNormal(loc + self.shift.to(loc), torch.zeros_like(loc))


class NumpyNoise(GoodEncoder):
    def forward(self, batch):
        loc = self.loc(batch)
        noise = torch.from_numpy(np.random.default_rng().standard_normal(tuple(loc.shape)))
        return DiagonalNormal(loc + noise.to(loc), torch.zeros_like(loc))


class AlwaysFloat32(GoodEncoder):
    def forward(self, batch):
        loc = self.loc(batch).float()
        return DiagonalNormal(loc, torch.zeros_like(loc))


class DividesByLength(GoodEncoder):
    def forward(self, batch):
        loc = self.loc(batch) / batch.lengths()[:, None]
        return DiagonalNormal(loc, torch.zeros_like(loc))


class Detached(GoodEncoder):
    def forward(self, batch):
        loc = self.loc(batch) + (self.bias - self.bias)
        return DiagonalNormal(loc.detach() + self.bias, torch.zeros_like(loc))


class OtherType(GoodEncoder):
    latent = Latent(Dirichlet)


class LooksAround(GoodEncoder):
    def forward(self, batch):
        loc = self.loc(batch)
        return DiagonalNormal(loc - loc.mean(0), torch.zeros_like(loc))


class HidesFeatures(GoodEncoder):
    def forward(self, batch):
        loc = self.loc(batch)
        if batch.features is not None:
            loc = loc + batch.features[:, : loc.shape[1]].to(loc)
        return DiagonalNormal(loc, torch.zeros_like(loc))


class AnyWidth(GoodEncoder):
    def forward(self, batch):
        words = batch.col.clamp_max(self.weight.shape[0] - 1)
        loc = ops.sparse_linear(batch.crow, words, batch.count, self.weight, self.bias)
        return DiagonalNormal(loc, torch.zeros_like(loc))


class HalfGradientNormal(DiagonalNormal):
    def rsample(self, n=None):
        z = super().rsample(n)
        return 0.5 * z + 0.5 * z.detach()


class HalfGradient(GoodEncoder):
    latent = Latent(HalfGradientNormal)

    def forward(self, batch):
        q = super().forward(batch)
        return HalfGradientNormal(q.loc, q.log_var)


class InPlace(GoodEncoder):
    def forward(self, batch):
        batch.count.mul_(2)
        return super().forward(batch)


class ChangesUnderCompile(GoodEncoder):
    def forward(self, batch):
        loc = self.loc(batch)
        return DiagonalNormal(loc + float(torch.compiler.is_compiling()), torch.zeros_like(loc))


class NanAfterAStep(GoodEncoder):
    def forward(self, batch):
        q = super().forward(batch)
        return DiagonalNormal(q.loc / (1 - float(self.training)), q.log_var)


class ForgetsOnSave(GoodEncoder):
    def __init__(self, context):
        super().__init__(context)
        self.shift = torch.zeros(context.n_latent)

    def start(self):
        self.shift = torch.ones(self.context.n_latent) * torch.arange(self.context.n_latent)

    def forward(self, batch):
        q = super().forward(batch)
        return DiagonalNormal(q.loc + self.shift.to(q.loc), q.log_var)


class StartsPlain(GoodEncoder):
    def start(self):
        self.shift = torch.ones(self.context.n_latent)


class NotNormalised(Link):
    def forward(self, z):
        return z - z.amax(-1, keepdim=True)


class NotScriptable(Link):
    torchscript: ClassVar[bool] = True

    def forward(self, z):
        return torch.log_softmax(z * float(np.float32(1.0)), -1)


class ShiftedPrior(Prior):
    """N(1, I); what the wrong ones differ from."""

    latent = Latent(DiagonalNormal, trainable=False)
    law = DiagonalNormal

    def __init__(self, context):
        super().__init__(context)
        self.register_buffer("loc", torch.ones(context.n_latent))

    def distribution(self):
        return self.law(self.loc, torch.zeros_like(self.loc))


class TooManyNumbers(ShiftedPrior):
    def __init__(self, context):
        super().__init__(context)
        self.register_buffer("loc", torch.ones(context.n_latent + 1))


class OneSampleLess(DiagonalNormal):
    def rsample(self, n=None):
        return super().rsample(None if n is None else max(n, 1))


class NoEmptySample(ShiftedPrior):
    latent = Latent(OneSampleLess, trainable=False)
    law = OneSampleLess


class SaysTrainable(ShiftedPrior):
    latent = Latent(DiagonalNormal, trainable=True)


class WithoutConstant(DiagonalNormal):
    def log_prob(self, value):
        return -0.5 * (value - self.loc).square().sum(-1)


class Unnormalised(ShiftedPrior):
    latent = Latent(WithoutConstant, trainable=False)
    law = WithoutConstant


class TooWide(DiagonalNormal):
    def rsample(self, n=None):
        return self.loc + 1.3 * (super().rsample(n) - self.loc)


class WrongScale(ShiftedPrior):
    latent = Latent(TooWide, trainable=False)
    law = TooWide


class BadAnchors(ShiftedPrior):
    def anchors(self):
        return self.loc


class GoodDecoder(Decoder):
    """Free word distributions; what the wrong ones differ from."""

    def __init__(self, context):
        super().__init__(context)
        self.logits = nn.Parameter(torch.randn(context.vocab_size, context.n_topics))

    def log_likelihood(self, theta, batch):
        beta = self.logits.softmax(0)
        return -ops.sparse_multinomial_nll(batch.crow, batch.col, batch.count, theta, beta)

    def topic_word(self, theta):
        return theta @ self.logits.softmax(0).T


class RowsOffOne(GoodDecoder):
    def topic_word(self, theta):
        return theta @ self.logits.softmax(1).T


class Doubled(GoodDecoder):
    def log_likelihood(self, theta, batch):
        return 2 * super().log_likelihood(theta, batch)


class ScoredByPresence(GoodDecoder):
    def word_log_likelihood(self, theta, batch):
        ones = torch.ones_like(batch.count)
        return self.log_likelihood(theta, Batch(batch.crow, batch.col, ones, batch.vocab_size))


class VectorPenalty(GoodDecoder):
    def penalties(self):
        return {"size": self.logits.square().sum(0)}
