"""The answer to a parameter that TopicModel does not have, other libraries' names among them."""

from __future__ import annotations

from collections.abc import Iterable

from topicforge.errors import did_you_mean
from topicforge.estimator.settings import GROUPS
from topicforge.training.options import OPTIMISER, TRAINING, parameter

#: name in scikit-learn, gensim, OCTIS or BERTopic -> what takes its place
_ELSEWHERE = {
    **dict.fromkeys(("n_components", "num_topics", "nr_topics", "k"), "n_topics"),
    **dict.fromkeys(("random_state", "random_seed"), "seed"),
    **dict.fromkeys(("max_iter", "n_epochs", "num_epochs", "n_iter", "iterations", "passes"), "epochs"),
    **dict.fromkeys(("lr", "learning_rate_init"), "learning_rate"),
    **dict.fromkeys(("optimizer", "solver"), "optimiser"),
    **dict.fromkeys(("alpha", "doc_topic_prior"), "prior__concentration, with prior='dirichlet'"),
    **dict.fromkeys(("hidden_sizes", "hidden_layer_sizes", "hidden"), "encoder__hidden"),
    **dict.fromkeys(("activation", "dropout", "batch_norm"), "encoder__{} or decoder__{}"),
    **dict.fromkeys(("chunksize", "chunk_size"), "batch_size"),
    **dict.fromkeys(("id2word", "words", "feature_names"), "vocabulary"),
    **dict.fromkeys(("language", "vectorizer_model", "stop_words", "min_df", "max_df", "max_features"),
                    "vectorizer, which is 'en', 'zh' or a scikit-learn vectoriser"),
    **dict.fromkeys(("embeddings", "features"), "fit(X, features=...)"),
    "n_jobs": "torch.set_num_threads(...)",
    "n_latents": "n_latent",
    "use_cuda": "device='cuda'",
    "early_stopping": "training={'validation_fraction': 0.1, 'patience': 5}",
}  # fmt: skip


def unknown_parameter(
    name: str, known: Iterable[str], what: str = "TopicModel has no parameter"
) -> str:
    """Return a sentence on a name that is not known, with what is meant where that can be told.

    Args:
        name: what was given.
        known: TopicModel's parameters.
        what: the beginning of the sentence.
    """
    said = f"{what} {name!r}"
    here = _ELSEWHERE.get(name, "").replace("{}", name)
    if here:
        return f"{said}; " + (f"it is called {here} here" if here.isidentifier() else f"use {here}")
    if name in (*OPTIMISER, *TRAINING):
        return f"{said}; it is an option and called {parameter(name)}"
    group, separator, _ = name.partition("__")
    near = did_you_mean(group, GROUPS) if separator else did_you_mean(name, known)
    return f"{said}.{near} Options are written GROUP__OPTION, with GROUP one of {', '.join(GROUPS)}"
