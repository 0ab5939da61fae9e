"""What a trained network says of documents: theta, completion, word occurrences, identity."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

from topicforge.corpus import Counts, ShardedCounts
from topicforge.errors import InputError
from topicforge.evaluation.rankings import Occurrences
from topicforge.training import Documents, Selection, in_order, of_rows, padded
from topicforge.wiring.network import Network

_BATCH = 1024


@torch.no_grad()
def infer(
    network: Network, documents: Documents, rows: range, device: torch.device
) -> Iterator[NDArray[np.float32]]:
    """Yield theta of a range of documents, batch by batch; the prior's mean for those without words."""
    network.to(device).eval()
    for batch in in_order(documents, _BATCH, device, rows):
        inferred = network.infer(padded(batch))[: batch.n_documents]
        theta = inferred.float().cpu().numpy()
        if documents.features is None:
            empty = (batch.crow.diff() == 0).cpu().numpy()
            if empty.any():
                theta[empty] = network.prior_theta().float().cpu().numpy()
        yield theta


@torch.no_grad()
def completion(network: Network, documents: Documents, device: torch.device) -> float:
    """Return the mean log-likelihood of a word of the second halves, with theta from the first.

    Raises:
        InputError: no document has two distinct words.
    """
    seen, held = (Documents(half, documents.features) for half in _halves(documents.counts))
    if held.counts.n_entries == 0:
        raise InputError(
            "TopicModel.score: document completion needs documents with at least two distinct words, "
            "got none"
        )
    total = words = 0.0
    halves = zip(
        in_order(seen, _BATCH, device), in_order(held, _BATCH, device), strict=True
    )  # fmt: skip
    for first, second in halves:
        if network.reads_anchors:
            theta = network.link(network.posterior(first).mean).exp()
        else:
            theta = network.infer(first)
        # Apple's GPUs have no float64
        likelihood = network.decoder.log_likelihood(theta, second)
        total += float(likelihood.cpu().double().sum())
        words += float(second.count.cpu().double().sum())
    return total / words


@torch.no_grad()
def count_occurrences(network: Network, documents: Documents, device: torch.device) -> Occurrences:
    """Return the sums that rankings read, in one pass over the documents that have words."""
    network.eval()
    sums = Occurrences.zeros(network.context.n_topics, documents.counts.vocab_size)
    chosen = Selection(documents.counts).batches(_BATCH)
    for batch in of_rows(documents, chosen, device):
        arrays = (batch.count, batch.col, batch.crow)
        counts = sp.csr_array(
            tuple(one.cpu().numpy() for one in arrays),
            shape=(batch.n_documents, batch.vocab_size),
        )
        sums.add(counts, network.infer(batch).float().cpu().numpy())
    return sums


def checksum_of(network: Network) -> str:
    """Return what tells a trained network from any other."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {tuple(value.shape)} {value.dtype}".encode())
        digest.update(np.ascontiguousarray(value.cpu().reshape(-1).view(torch.uint8)).data)
    return digest.hexdigest()


def _halves(counts: Counts) -> tuple[Counts, Counts]:
    """Split each document's distinct words alternately: the first, third, ... and the others."""
    counts = counts.select(slice(None)) if isinstance(counts, ShardedCounts) else counts
    indptr = np.asarray(counts.indptr)
    place = np.arange(indptr[-1]) - np.repeat(indptr[:-1], np.diff(indptr))
    halves = []
    for parity in (0, 1):
        keep = place % 2 == parity
        row_of = np.concatenate([[0], np.cumsum(keep)])
        halves.append(
            Counts(row_of[indptr], counts.indices[keep], counts.counts[keep], counts.vocab_size)
        )
    return halves[0], halves[1]
