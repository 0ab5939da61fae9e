"""What the core tells every component when it builds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Context:
    """Sizes and corpus facts handed to every component's factory.

    Args:
        vocab_size: V, number of columns of the counts.
        n_topics: K, number of topics.
        n_latent: L, width of the latent z; equals K where the posterior lives on the simplex.
        n_features: F, numbers a document beside its counts (``Batch.features``); 0 without.
        mean_length: mean number of words a document (a document's counts summed).
        word_frequency: (V,) float32, the corpus share of every word, summing to one; ``None`` when
            a saved model is opened, because then every value comes from the file.
        vocabulary: V words in column order, or ``None`` where the counts came without words.
        shared: what :meth:`Component.start` may share between parts. ``documents`` is a callable that
            gives some training documents, none empty, as scipy CSR (N, V); what a part makes of them for
            others stands beside it under a name of its own. Empty when a saved model is opened, and
            emptied after the start.
    """

    vocab_size: int
    n_topics: int
    n_latent: int
    n_features: int = 0
    mean_length: float = 1.0
    word_frequency: Tensor | None = None
    vocabulary: Sequence[str] | None = None
    shared: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)
