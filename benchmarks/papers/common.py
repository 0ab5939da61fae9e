"""Shared by the scripts of this folder: corpora, perplexity by the bound, figures over seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from topicforge import TopicModel
from topicforge.corpus import Counts
from topicforge.training import Documents
from topicforge.training.batches import in_order


@dataclass(frozen=True)
class Split:
    """A corpus in two parts.

    Args:
        train, test: (N, V) counts.
        words: V words in column order.
        rows: (N test,) numbers of the test documents among all, training documents first.
    """

    train: sp.csr_matrix
    test: sp.csr_matrix
    words: tuple[str, ...]
    rows: NDArray[np.int64]


def read_split(folder: Path, n_words: int | None = None) -> Split:
    """Read ``train.npz``, ``test.npz`` and ``vocab.txt``, with the ``n_words`` most frequent words.

    Documents without any of these words are dropped, since the papers' corpora have none.
    """
    train, test = (sp.csr_matrix(sp.load_npz(folder / f"{p}.npz")) for p in ("train", "test"))
    words = np.array((folder / "vocab.txt").read_text(encoding="utf-8").split("\n"))
    words = words[: train.shape[1]]
    if n_words is not None:
        totals = np.asarray(train.sum(0)).ravel()
        kept = np.sort(np.argsort(-totals, kind="stable")[:n_words])
        train, test, words = train[:, kept], test[:, kept], words[kept]
    in_train, in_test = (np.flatnonzero(np.asarray(x.sum(1)).ravel()) for x in (train, test))
    return Split(train[in_train], test[in_test], tuple(words.tolist()), train.shape[0] + in_test)


def unigram_perplexity(split: Split) -> tuple[float, float]:
    """(per document, per token) perplexity of the test documents under the training frequencies."""
    p = np.asarray(split.train.sum(0)).ravel() + 1.0
    log_p = np.log(p / p.sum())
    return perplexities(-(split.test @ log_p), np.asarray(split.test.sum(1)).ravel())


@torch.no_grad()
def bound_perplexity(model: TopicModel, counts: Any, samples: int = 20) -> tuple[float, float]:
    """(per document, per token) perplexity from the variational bound.

    Per document: exp(-1/D sum_d L_d / N_d), per token: exp(-sum_d L_d / sum_d N_d), with L_d the
    bound E_q[log p(x_d | theta)] - KL(q || p), the expectation over ``samples`` draws
    (Miao et al. 2016 and 2017 score so). The whole document is seen by the encoder and scored.
    """
    network = model.network_.eval()
    documents = Documents(Counts.from_matrix(counts))
    loss = []
    for batch in in_order(documents, 512, torch.device("cpu")):
        terms = [network(batch) for _ in range(samples)]
        loss.append(torch.stack([t.reconstruction + t.divergence for t in terms]).mean(0))
    return perplexities(torch.cat(loss).numpy(), np.asarray(counts.sum(1)).ravel())


def perplexities(loss: Any, lengths: Any) -> tuple[float, float]:
    """(exp(mean_d loss_d / N_d), exp(sum_d loss_d / sum_d N_d)); infinite where that overflows."""
    loss = np.asarray(loss, dtype=float)
    with np.errstate(over="ignore"):
        return float(np.exp((loss / lengths).mean())), float(np.exp(loss.sum() / lengths.sum()))


def topics_in_use(model: TopicModel, counts: Any) -> int:
    """Return how many topics are the largest of at least one document."""
    return len(np.unique(model.transform(counts).argmax(1)))


def spread(values: Iterable[float], digits: int) -> str:
    """``mean ± standard deviation (n)`` over runs."""
    x: Sequence[float] = list(values)
    deviation = float(np.std(x, ddof=1)) if len(x) > 1 else float("nan")
    return f"{np.mean(x):.{digits}f} ± {deviation:.{digits}f} ({len(x)} seeds)"
