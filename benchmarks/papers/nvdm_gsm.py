"""NVDM-GSM beside Miao et al. 2017: perplexity of 20 Newsgroups by the variational bound.

    python benchmarks/papers/nvdm_gsm.py CORPUS --topics 50 --seeds 0 1 2

CORPUS is a folder with ``train.npz``, ``test.npz`` (scipy CSR counts) and ``vocab.txt``; its 2,000
most frequent words are kept. ``--lda`` adds online variational LDA, the paper's baseline, which shows
how far the corpus is from the paper's.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from common import bound_perplexity, perplexities, read_split, spread, topics_in_use
from common import unigram_perplexity as unigram
from scipy.special import gammaln, logsumexp, psi
from sklearn.decomposition import LatentDirichletAllocation

from topicforge import TopicModel

#: K -> perplexity of 20 Newsgroups in the paper: GSM, and its baseline online LDA
PUBLISHED = {50: (822, 893), 200: (830, 1015)}


def lda_perplexity(lda: LatentDirichletAllocation, counts: Any) -> tuple[float, float]:
    """(per document, per token) from LDA's bound, without the topics' own term."""
    gamma = lda.transform(counts, normalize=False)
    alpha, k = lda.doc_topic_prior_, gamma.shape[1]
    log_theta = psi(gamma) - psi(gamma.sum(1, keepdims=True))
    log_beta = psi(lda.components_) - psi(lda.components_.sum(1, keepdims=True))
    bound = ((alpha - gamma) * log_theta + gammaln(gamma) - gammaln(alpha)).sum(1)
    bound += gammaln(k * alpha) - gammaln(gamma.sum(1))
    for d in range(counts.shape[0]):
        entries = slice(counts.indptr[d], counts.indptr[d + 1])
        words = logsumexp(log_theta[d][:, None] + log_beta[:, counts.indices[entries]], axis=0)
        bound[d] += counts.data[entries] @ words
    return perplexities(-bound, np.asarray(counts.sum(1)).ravel())


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--words", type=int, default=2000)
    parser.add_argument("--topics", type=int, default=50)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="passes over the corpus; default: 1,000")
    parser.add_argument("--learning-rate", type=float, help="default: the preset's 5e-5")
    parser.add_argument("--alternate", type=int, help="passes per turn; default: 10; 0: no turns")
    parser.add_argument("--start", help="of the topics: xavier (default) or random")
    parser.add_argument("--every", type=int, default=20, help="passes between two scores")
    parser.add_argument("--lda", action="store_true")
    given = parser.parse_args()

    split = read_split(given.corpus, given.words)
    lengths = split.train.sum() / split.train.shape[0]
    print(f"{split.train.shape} train, {split.test.shape} test, {lengths:.1f} tokens per document")
    print("unigram: {:.0f} per document, {:.0f} per token".format(*unigram(split)), flush=True)
    if given.lda:
        lda = LatentDirichletAllocation(
            given.topics, learning_method="online", max_iter=10, batch_size=256, random_state=0
        ).fit(split.train.astype(float))
        scores = lda_perplexity(lda, split.test.astype(float))
        print("online LDA: {:.0f} per document, {:.0f} per token".format(*scores), flush=True)

    final = []
    turns = {None: None, 0: []}.get(given.alternate, [("alternate", {"epochs": given.alternate})])
    for seed in given.seeds:
        model = TopicModel(
            "nvdm-gsm-paper",
            n_topics=given.topics,
            learning_rate=given.learning_rate,
            regularisers=turns,  # None: the preset's
            decoder__start=given.start or "xavier",
            seed=seed,
        )
        passes = given.epochs or 1000
        for done in range(1, passes + 1):
            model.partial_fit(split.train)
            if done % given.every == 0 or done == passes:
                scores = bound_perplexity(model, split.test)
                used = topics_in_use(model, split.test)
                print(
                    f"seed {seed}, pass {done}: {scores[0]:.0f} per document, {scores[1]:.0f} per "
                    f"token, {used} topics in use, KL {model.history_[-1].divergence:.1f}",
                    flush=True,
                )
        final.append(scores)
    gsm, lda_published = PUBLISHED.get(given.topics, ("-", "-"))
    print(f"per document: {spread((s[0] for s in final), 0)}, per token: "
          f"{spread((s[1] for s in final), 0)}; published: {gsm} (online LDA: {lda_published})")  # fmt: skip


if __name__ == "__main__":
    main()
