"""What every component is given when it is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from topicforge.contracts.start import StartData


@dataclass(frozen=True)
class Context:
    """Sizes and corpus facts for every component's factory.

    Args:
        vocab_size: V, number of columns of the counts.
        n_topics: K, number of topics.
        n_latent: L, width of the latent z; equals K where the posterior is on the simplex.
        n_features: F, numbers per document beside its counts (``Batch.features``); 0 without.
        mean_length: mean number of words per document (a document's counts summed).
        word_frequency: (V,) float32, the corpus share of every word, summing to one; ``None`` when
            a saved model is opened, because then every value comes from the file.
        vocabulary: V words in column order, or ``None`` where the counts came without words.
        start_data: training documents for :meth:`Component.start`, and word vectors and clusters
            computed from them; empty when a saved model is opened.
    """

    vocab_size: int
    n_topics: int
    n_latent: int
    n_features: int = 0
    mean_length: float = 1.0
    word_frequency: Tensor | None = None
    vocabulary: Sequence[str] | None = None
    start_data: StartData = field(default_factory=StartData, repr=False, compare=False)
