"""Plain PyTorch twins of the native operators: oracle of the tests, fallback without a library.

Each function takes the arguments of its twin in :mod:`topicforge.ops` without ``impl``, checks
nothing and casts nothing: the front doors do that once for both implementations.
"""

from topicforge.ops.reference.adam_catch_up import adam_catch_up
from topicforge.ops.reference.batch_norm_fold import batch_norm_fold
from topicforge.ops.reference.diffusion import diffusion_kernel, diffusion_mmd
from topicforge.ops.reference.gather_rows import gather_rows
from topicforge.ops.reference.lazy_adam import lazy_adam_rows
from topicforge.ops.reference.mixture import (
    mixture_kl_bound,
    mixture_log_prob,
    mixture_responsibilities,
)
from topicforge.ops.reference.multinomial import (
    product_multinomial_nll,
    sparse_multinomial_nll,
)
from topicforge.ops.reference.sparse_linear import sparse_linear
from topicforge.ops.reference.topic_word_rows import topic_word_rows, topic_word_rows_gradient

__all__ = [
    "adam_catch_up",
    "batch_norm_fold",
    "diffusion_kernel",
    "diffusion_mmd",
    "gather_rows",
    "lazy_adam_rows",
    "mixture_kl_bound",
    "mixture_log_prob",
    "mixture_responsibilities",
    "product_multinomial_nll",
    "sparse_linear",
    "sparse_multinomial_nll",
    "topic_word_rows",
    "topic_word_rows_gradient",
]
