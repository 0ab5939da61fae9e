"""Whole fits that the processes of one world do together, and one process alone."""

import warnings

import numpy as np
import scipy.sparse as sp
import torch

from topicforge import TopicModel
from topicforge.parts.encoders import MlpEncoder
from topicforge.plugin import Callback, Divergence, Rule

SMALL = {"n_topics": 4, "epochs": 2, "batch_size": 26}
FITS = {
    "default": (70, {}),
    "w-lda": (70, {"preset": "w-lda", "encoder__hidden": (12,)}),
    "prodlda": (70, {"preset": "prodlda", "encoder__hidden": (12, 12)}),
    "gmm started from latents": (
        70,
        {"preset": "gmntm", "encoder__hidden": (12,), "decoder__width": 8,
         "training__pretrain_epochs": 1},
    ),
    "turns and free bits": (
        70, {"preset": "nvdm-gsm", "encoder__hidden": (12,), "decoder__width": 8,
             "regularisers": [("alternate", {"epochs": 1}), ("free-bits", {"nats": 0.5})]},
    ),
    # more than a batch can have
    "many words": (70, {"preset": "w-lda", "encoder__hidden": (12,), "batch_size": 2, "epochs": 1}),
    "held out": (70, {"training": {"validation_fraction": 0.3, "patience": 1}}),
    "accumulated": (70, {"training__accumulate": 2, "optimiser__gradient_clip": 0.5}),
    "fewer documents than processes": (3, {"batch_size": 200, "encoder__width": 2}),
}  # fmt: skip


class Noisy(MlpEncoder):
    """A third party's encoder, which draws as PyTorch's authors do."""

    drawn = None

    def forward(self, batch):
        q = super().forward(batch)
        if self.training:
            noise = torch.randn(q.loc.shape)
            self.drawn = self.drawn or noise.flatten()[:3].tolist()
            q.loc = q.loc + 0.1 * noise
        return q


class NoisyBatch(Divergence):
    """A third party's divergence of the whole batch, with draws of its own."""

    def resolve(self, sides):
        return Rule(
            self.compute, "sample estimate", sides.posterior.space, "a test", "moments",
            per_document=False,
        )  # fmt: skip

    def compute(self, q, p, samples):
        del q, p
        apart = samples.z - torch.randn_like(samples.z)
        return apart.mean(0).square().sum()


class StopAfterTwo(Callback):
    def on_epoch_end(self, report):
        return report.epoch == 2


def fit_foreign(_rank):
    """Ends after two epochs on every process, with one model; the first draws and the caller's state."""
    torch.manual_seed(5)
    before = torch.get_rng_state()
    counts = sp.csr_array(np.random.default_rng(1).poisson(0.5, (70, 30)))
    model = TopicModel(
        encoder=Noisy, divergence=NoisyBatch, encoder__hidden=(12,), callbacks=[StopAfterTwo()],
        training={"validation_fraction": 0.2, "patience": 3}, **{**SMALL, "epochs": 5},
    ).fit(counts)  # fmt: skip
    return {
        **{f"network {k}": v.clone() for k, v in model.network_.state_dict().items()},
        "history": torch.tensor([[r.loss, r.validation_loss] for r in model.history_]),
        "drawn": torch.tensor(model.network_.encoder.drawn),
        "untouched": torch.tensor(torch.equal(torch.get_rng_state(), before)),
    }


def fit(name):
    """Everything that a fit leaves, as tensors."""
    n, settings = FITS[name]
    words = 120 if name == "many words" else 30
    counts = sp.csr_array(np.random.default_rng(1).poisson(0.5, (n, words)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # k-means and EM on so few documents
        model = TopicModel(**{**SMALL, **settings}).fit(counts)
    last = model.history_[-1]
    told = [last.loss, last.reconstruction, last.divergence, last.active_topics]
    if last.validation_loss is not None:
        told.append(last.validation_loss)
    return {
        **{k: v.clone() for k, v in model.network_.state_dict().items()},
        "told": torch.tensor(told, dtype=torch.float64),
        "theta": torch.from_numpy(model.transform(counts)),
        "scores": torch.from_numpy(model.word_scores_),
    }


def cases(world):
    del world
    fits = {f"fit {name}": lambda _, name=name: fit(name) for name in FITS}
    return {**fits, "fit foreign": fit_foreign}
