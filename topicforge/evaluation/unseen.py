"""Words that topics have and the reference corpus lacks: the rule is chosen, applied and said."""

from __future__ import annotations

from topicforge.errors import InputError, OptionError, did_you_mean
from topicforge.evaluation.cooccurrence import Cooccurrence


def check_unseen(
    counts: Cooccurrence, unseen: str, choices: tuple[str, ...], *, where: str
) -> None:
    """Check the rule for unseen words, and raise under ``error`` where there are any.

    Args:
        counts: the words requested, counted.
        unseen: the rule.
        choices: the rules the metric has.
        where: the metric, for messages.

    Raises:
        OptionError: ``unseen`` is not among ``choices``.
        InputError: the rule is ``error`` and the reference lacks a word.
    """
    if unseen not in choices:
        raise OptionError(
            f"{where}: unseen must be one of {', '.join(choices)}, got {unseen!r}."
            f"{did_you_mean(str(unseen), choices)}"
        )
    missing = counts.unseen()
    if unseen == "error" and missing:
        raise InputError(
            f"{where}: every topic word must occur in the reference ({counts.reference}); "
            f"{len(missing)} of {len(counts.words)} do not: {', '.join(missing[:10])}; "
            f"take another reference, or unseen={choices[0]!r}"
        )


def unseen_rule(counts: Cooccurrence, consequence: str) -> str:
    """Return the addition to a score's rule where words were unseen, else an empty string."""
    missing = counts.unseen()
    if not missing:
        return ""
    named = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
    lacking = f"{len(missing)} of {len(counts.words)} words ({named})"
    return f"; the reference lacks {lacking}: {consequence}"
