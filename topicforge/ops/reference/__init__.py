"""Plain PyTorch twins of the native operators: oracle of the tests, fallback without a library.

Each function takes the arguments of its twin in :mod:`topicforge.ops` without ``impl``, checks
nothing and casts nothing: the front doors do that once for both implementations.
"""

from topicforge.ops.reference.adam_catch_up import adam_catch_up
from topicforge.ops.reference.batch_norm_fold import batch_norm_fold
from topicforge.ops.reference.dirichlet import sample_log_dirichlet
from topicforge.ops.reference.gather_rows import gather_rows
from topicforge.ops.reference.lazy_adam import lazy_adam_rows
from topicforge.ops.reference.topic_word_rows import topic_word_rows, topic_word_rows_gradient

__all__ = [
    "adam_catch_up",
    "batch_norm_fold",
    "gather_rows",
    "lazy_adam_rows",
    "sample_log_dirichlet",
    "topic_word_rows",
    "topic_word_rows_gradient",
]
