"""Which labels are missing: one rule for files, tables and lists."""

from __future__ import annotations

from typing import Any

#: what ``str`` makes of the missing values of Python, NumPy and pandas, and of an empty cell
MISSING = frozenset(("", "None", "nan", "NaN", "NaT", "<NA>"))


def is_missing(label: Any) -> bool:
    """Whether a label says that there is none: ``None``, NaN, ``pandas.NA`` or an empty string.

    The texts of these values count, too: a column that was written to a file and read again holds
    ``nan`` for a missing value.
    """
    return str(label).strip() in MISSING
