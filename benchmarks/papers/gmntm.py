"""GMNTM by VaDE's measure (Jiang et al. 2017): do mixture components find the labels?

    python benchmarks/papers/gmntm.py CORPUS --preset gmntm-paper --seeds 0 1 2

CORPUS is a folder with ``train.npz``, ``test.npz`` (scipy CSR counts), ``vocab.txt`` and
``labels.txt`` (one line per document, training documents first); its 2,000 most frequent words are
kept. There is one component per label. No paper gives figures of this topic model.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from common import read_split, spread
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import normalized_mutual_info_score
from sklearn.metrics.cluster import contingency_matrix

from topicforge import TopicModel
from topicforge.errors import TrainingError


def accuracy(labels: np.ndarray, found: np.ndarray) -> float:
    """Share of documents in the cluster that is matched with their label, one to one."""
    table = contingency_matrix(labels, found)
    return float(table[linear_sum_assignment(-table)].sum() / len(labels))


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--preset", default="gmntm-paper")
    parser.add_argument("--words", type=int, default=2000)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, help="default: the preset's")
    parser.add_argument("--pretrain-epochs", type=int, help="default: the preset's")
    given = parser.parse_args()
    split = read_split(given.corpus, given.words)
    labels = np.array((given.corpus / "labels.txt").read_text(encoding="utf-8").splitlines())
    scores = []
    for seed in given.seeds:
        model = TopicModel(
            given.preset,
            n_topics=len(set(labels)),
            epochs=given.epochs,
            training__pretrain_epochs=given.pretrain_epochs,
            seed=seed,
        )
        try:
            found = model.fit(split.train).transform(split.test).argmax(1)
        except TrainingError as error:
            print(f"seed {seed}: {error}", flush=True)
            continue
        truth = labels[split.rows]
        scores.append((accuracy(truth, found), normalized_mutual_info_score(truth, found)))
        print(f"seed {seed}: accuracy {scores[-1][0]:.3f}, NMI {scores[-1][1]:.3f}, "
              f"{len(set(found))} components in use", flush=True)  # fmt: skip
    if scores:
        by_accuracy, by_nmi = (spread(column, 3) for column in zip(*scores, strict=True))
        print(f"{given.preset}: accuracy {by_accuracy}, NMI {by_nmi}; published: none")


if __name__ == "__main__":
    main()
