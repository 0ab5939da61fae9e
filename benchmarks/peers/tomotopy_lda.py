"""LDA by collapsed Gibbs sampling: tomotopy, 1,000 sweeps, from alpha 0.1 and eta 0.01.

pip install tomotopy, then python benchmarks/peers/tomotopy_lda.py study.toml. alpha is optimised every 10
sweeps, one value per topic (Minka 2000), as tomotopy does unless told otherwise; --fixed keeps it.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import tomotopy
from cells import TOP, arguments, unfinished, words_of, write

SETTINGS = {"alpha": 0.1, "eta": 0.01, "iterations": 1000, "inference_iterations": 100}


def topic_word_of(model: tomotopy.LDAModel, vocabulary: Sequence[str]) -> np.ndarray:
    """Return (K, V) p(v | k) in the corpus' columns; 0 for words that no training document has."""
    column = {word: v for v, word in enumerate(vocabulary)}
    topic_word = np.zeros((model.k, len(vocabulary)), dtype=np.float32)
    columns = [column[word] for word in model.used_vocabs]
    for k in range(model.k):
        topic_word[k, columns] = model.get_topic_word_dist(k)
    return topic_word


def main() -> None:
    """Run every unfinished cell."""
    given = arguments(
        "lda", __doc__ or "", lambda parser: parser.add_argument("--fixed", action="store_true")
    )
    for cell, train, test in unfinished(given.study, given.peer):
        model = tomotopy.LDAModel(
            k=cell.n_topics, alpha=SETTINGS["alpha"], eta=SETTINGS["eta"], seed=cell.seed + 1
        )
        model.optim_interval = 0 if given.fixed else 10
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
            {**SETTINGS, "optim_interval": model.optim_interval}, ["tomotopy"],
            topic_word=topic_word_of(model, train.vocabulary or ()),
        )  # fmt: skip


if __name__ == "__main__":
    main()
