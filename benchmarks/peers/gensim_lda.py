"""LDA by online variational Bayes: gensim, 20 passes, learned alpha and eta.

pip install gensim, then python benchmarks/peers/gensim_lda.py study.toml --peer gensim
"""

from __future__ import annotations

import time

import numpy as np
from cells import arguments, top_words, unfinished, write
from gensim.matutils import Sparse2Corpus, corpus2dense
from gensim.models import LdaModel

SETTINGS = {"passes": 20, "alpha": "auto", "eta": "auto"}


def main() -> None:
    """Run every unfinished cell."""
    given = arguments("gensim", __doc__ or "")
    for cell, train, test in unfinished(given.study, given.peer):
        vocabulary = list(train.vocabulary or ())
        documents = Sparse2Corpus(train.counts.to_scipy(), documents_columns=False)
        began = time.perf_counter()
        model = LdaModel(
            documents, num_topics=cell.n_topics, id2word=dict(enumerate(vocabulary)),
            random_state=cell.seed, **SETTINGS,
        )  # fmt: skip
        fitted = time.perf_counter()
        unseen = Sparse2Corpus(test.counts.to_scipy(), documents_columns=False)
        listed = model.get_document_topics(unseen, minimum_probability=0.0)
        theta = corpus2dense(listed, num_terms=cell.n_topics, num_docs=test.n_documents).T
        ended = time.perf_counter()
        topics = top_words(np.asarray(model.get_topics()), vocabulary)
        seconds = {"fit": fitted - began, "transform": ended - fitted}
        write(cell, topics, theta, seconds, SETTINGS, ["gensim"], model.get_topics())


if __name__ == "__main__":
    main()
