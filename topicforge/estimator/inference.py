"""What a trained network says of documents: theta, completion, word occurrences, identity."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray

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
    prior = None
    for batch in in_order(documents, _BATCH, device, rows):
        inferred = network.infer(padded(batch))[: batch.n_documents]
        theta = inferred.float().cpu().numpy()
        if documents.features is None:
            empty = (batch.crow.diff() == 0).cpu().numpy()
            if empty.any():
                if prior is None:
                    prior = network.prior_theta().float().cpu().numpy()
                theta[empty] = prior
        yield theta


@torch.no_grad()
def completion(
    network: Network, seen: Documents, scored: Documents, device: torch.device
) -> NDArray[np.float64]:
    """Return (N,) log p(scored words | theta of the seen ones), by the decoder that was trained."""
    network.to(device).eval()
    halves = zip(in_order(seen, _BATCH, device), in_order(scored, _BATCH, device), strict=True)
    found = []
    for first, second in halves:
        # the decoder's own theta: where topics are a prior's anchors, infer() gives their shares instead
        theta = network.link(network.posterior(first).mean).exp()
        # Apple's GPUs have no float64
        found.append(network.decoder.word_log_likelihood(theta, second).cpu().double().numpy())
    return np.concatenate(found)


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
