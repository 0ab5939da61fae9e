"""Plain PyTorch twins of the native operators: oracle of the tests, fallback without a library.

Each function takes the arguments of its twin in :mod:`topicforge.ops` without ``impl``, checks
nothing and casts nothing: the front doors do that once for both implementations.
"""

from topicforge.ops.reference.adam_catch_up import adam_catch_up
from topicforge.ops.reference.lazy_adam import lazy_adam_rows

__all__ = [
    "adam_catch_up",
    "lazy_adam_rows",
]
