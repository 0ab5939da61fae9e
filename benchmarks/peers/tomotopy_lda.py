"""LDA by collapsed Gibbs sampling: tomotopy, 1,000 sweeps, alpha 0.1, eta 0.01.

pip install tomotopy, then python benchmarks/peers/tomotopy_lda.py study.toml
"""

from __future__ import annotations

import time

import numpy as np
import tomotopy
from cells import TOP, arguments, unfinished, words_of, write

SETTINGS = {"alpha": 0.1, "eta": 0.01, "iterations": 1000, "inference_iterations": 100}


def main() -> None:
    """Run every unfinished cell."""
    given = arguments("lda", __doc__ or "")
    for cell, train, test in unfinished(given.study, given.peer):
        model = tomotopy.LDAModel(
            k=cell.n_topics, alpha=SETTINGS["alpha"], eta=SETTINGS["eta"], seed=cell.seed + 1
        )
        for words in words_of(train):
            if words:
                model.add_doc(words)
        began = time.perf_counter()
        model.train(SETTINGS["iterations"], workers=given.threads)
        fitted = time.perf_counter()
        documents = words_of(test)
        worded = [d for d, words in enumerate(documents) if words]
        unseen = [model.make_doc(documents[d]) for d in worded]
        found, _ = model.infer(
            unseen, iterations=SETTINGS["inference_iterations"], workers=given.threads
        )
        theta = np.full((len(documents), cell.n_topics), 1 / cell.n_topics)
        theta[worded] = found
        ended = time.perf_counter()
        topics = [
            [word for word, _ in model.get_topic_words(k, top_n=TOP)] for k in range(cell.n_topics)
        ]
        write(
            cell, topics, theta, {"fit": fitted - began, "transform": ended - fitted},
            SETTINGS, ["tomotopy"],
        )  # fmt: skip


if __name__ == "__main__":
    main()
