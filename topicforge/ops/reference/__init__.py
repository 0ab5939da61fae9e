"""Plain PyTorch twins of the native operators: oracle of the tests, fallback without a library.

Each function takes the arguments of its twin in :mod:`topicforge.ops` without ``impl``, checks
nothing and casts nothing: the front doors do that once for both implementations.
"""

from topicforge.ops.reference.batch_norm_fold import batch_norm_fold
from topicforge.ops.reference.topic_word_rows import topic_word_rows, topic_word_rows_gradient

__all__ = [
    "batch_norm_fold",
    "topic_word_rows",
    "topic_word_rows_gradient",
]
