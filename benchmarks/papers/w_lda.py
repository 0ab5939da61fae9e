"""W-LDA beside Nan et al. 2019: coherence and uniqueness of 20 Newsgroups' topics, planted topics.

    python benchmarks/papers/w_lda.py CORPUS --seeds 0 1 2
    python benchmarks/papers/w_lda.py --planted --seeds 0 1 2

CORPUS is a folder with ``train.npz``, ``test.npz`` (scipy CSR counts) and ``vocab.txt``; its 1,995
most frequent words are kept. The paper's NPMI has Wikipedia as reference, here it has the training
documents: TU can be compared with the paper's, NPMI only within one reference.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from common import Split, read_split, spread, topics_in_use
from scipy.optimize import linear_sum_assignment

from topicforge import TopicModel
from topicforge.evaluation import npmi, topic_uniqueness

#: (NPMI with Wikipedia as reference, TU) of 20 Newsgroups with 50 topics in the paper
PUBLISHED = {"w-lda-paper": (0.252, 0.83), "prodlda-paper": (0.267, 0.58)}


def score(topics: list[list[str]], split: Split) -> tuple[float, float, float]:
    """(NPMI by the training documents, by the test documents, TU), ten words per topic."""
    by = [float(npmi(topics, x, split.words).value) for x in (split.train, split.test)]
    return by[0], by[1], float(topic_uniqueness(topics, top=10).value)


def read_out(model: TopicModel, split: Split) -> dict[str, list[list[str]]]:
    """Topics by the decoder's output (weights and bias), and by its weights alone."""
    weight = model.network_.decoder.weight.detach().numpy().T
    order = np.argsort(-weight, axis=1)[:, :10]
    by_weight = [[split.words[v] for v in row] for row in order]
    by_output = np.argsort(-model.topic_word_, axis=1)[:, :10]
    return {"output": [[split.words[v] for v in row] for row in by_output], "weights": by_weight}


def newsgroups(given: argparse.Namespace, options: dict[str, Any]) -> None:
    """Topics of a corpus: NPMI, TU and topics in use during training."""
    split = read_split(given.corpus, given.words)
    print(f"{split.train.shape} train, {split.train.sum() / split.train.shape[0]:.1f} tokens each")
    final: dict[str, list[tuple[float, float, float]]] = {}
    for seed in given.seeds:
        model = TopicModel(given.preset, n_topics=given.topics, seed=seed, **options)
        passes = given.epochs
        for done in range(1, passes + 1):
            model.partial_fit(split.train)
            if done % given.every and done != passes:
                continue
            for rule, topics in read_out(model, split).items():
                scores = score(topics, split)
                print(
                    f"seed {seed}, pass {done}, by {rule}: NPMI {scores[0]:.3f} train, "
                    f"{scores[1]:.3f} test, TU {scores[2]:.2f}; "
                    f"{topics_in_use(model, split.test)} topics in use",
                    flush=True,
                )
                if done == passes:
                    final.setdefault(rule, []).append(scores)
    for rule, runs in final.items():
        a, b, tu = (spread(column, 3) for column in zip(*runs, strict=True))
        print(f"by {rule}: NPMI {a} train, {b} test, TU {tu}; published: "
              f"{PUBLISHED.get(given.preset)}")  # fmt: skip


def planted(given: argparse.Namespace, options: dict[str, Any]) -> None:
    """The supplement's test: 10,000 documents of latent Dirichlet allocation, V = 100, K = 5."""
    for divergence in ("mmd", "none"):
        cosines = []
        for seed in given.seeds:
            rng = np.random.default_rng(seed)
            topics = rng.dirichlet(np.full(100, 0.1), size=5)
            theta = rng.dirichlet(np.full(5, 0.1), size=10_000)
            counts = sp.csr_matrix(rng.multinomial(100, theta @ topics), dtype=np.float32)
            model = TopicModel(
                given.preset, n_topics=5, encoder__hidden=(10, 10), regularisers=[], epochs=50,
                seed=seed, divergence=divergence, **options,
            ).fit(counts)  # fmt: skip
            unit = [x / np.linalg.norm(x, axis=1)[:, None] for x in (model.topic_word_, topics)]
            cosine = unit[0] @ unit[1].T
            cosines.append(float(cosine[linear_sum_assignment(-cosine)].mean()))
        print(f"divergence {divergence}: mean cosine with the planted topics {spread(cosines, 3)}")


def main() -> None:
    """Train, score, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument("--planted", action="store_true")
    parser.add_argument("--preset", default="w-lda-paper")
    parser.add_argument("--words", type=int, default=1995)
    parser.add_argument("--topics", type=int, default=50)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=250)
    parser.add_argument("--every", type=int, default=50, help="passes between two scores")
    parser.add_argument(
        "--noise", type=float, help="share of theta-noise; default: the preset's 0.2"
    )
    parser.add_argument("--batch-size", type=int, help="default: the preset's 100")
    given = parser.parse_args()
    noise = None if given.noise is None else [("theta-noise", {"share": given.noise})]
    chosen = {"regularisers": noise, "batch_size": given.batch_size}
    options = {name: value for name, value in chosen.items() if value is not None}
    if given.planted:
        planted(given, {k: v for k, v in options.items() if k != "regularisers"})
    elif given.corpus:
        newsgroups(given, options)
    else:
        parser.error("give CORPUS or --planted")


if __name__ == "__main__":
    main()
