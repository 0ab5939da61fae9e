"""Whole fits that the processes of one world do together, and one process alone."""

import warnings

import numpy as np
import scipy.sparse as sp
import torch

from topicforge import TopicModel
from topicforge.distributed.board import Board

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
    "lazy": (70, {"preset": "nvdm-gsm", "encoder__hidden": (12,), "optimiser": "lazy-adam"}),
    "deferred": (70, {"optimiser": "deferred-adam", "batch_size": 10}),
    # enough for the first layer's gradient to be shared by documents (120 > 25 x 4)
    "many words": (70, {"preset": "w-lda", "encoder__hidden": (12,), "batch_size": 4, "epochs": 1}),
    "held out": (70, {"training": {"validation_fraction": 0.3, "patience": 1}}),
    "accumulated": (70, {"training__accumulate": 2, "optimiser__gradient_clip": 0.5}),
    "fewer documents than processes": (3, {"batch_size": 200, "encoder__width": 2}),
}  # fmt: skip
#: also fitted as processes of several machines do, which share no memory
APART = ("default", "gmm started from latents", "many words", "accumulated")


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


def fit_apart(name):
    """The same with every message through torch's engine."""
    of_all, Board.of_all = Board.of_all, lambda: None
    try:
        return fit(name)
    finally:
        Board.of_all = of_all


def cases(world):
    del world
    return {
        **{f"fit {name}": lambda _, name=name: fit(name) for name in FITS},
        **{f"fit apart {name}": lambda _, name=name: fit_apart(name) for name in APART},
    }
