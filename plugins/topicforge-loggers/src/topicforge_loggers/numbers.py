"""What is logged: the numbers of an epoch and the settings of a fit, under stable names."""

from __future__ import annotations

import re

from topicforge.plugin import EpochReport, FitStart

_NUMBERS = (
    "loss",
    "reconstruction",
    "divergence",
    "divergence_weight",
    "active_topics",
    "documents_per_second",
    "learning_rate",
    "validation_loss",
)
#: longer settings (a vocabulary, say) are described, not written out
_LONGEST = 500


def numbers_of(report: EpochReport) -> dict[str, float]:
    """Return an epoch's numbers by name, ``train/loss`` or ``pretrain/loss``.

    A penalty ``p`` is ``train/penalty/p``, with what neither library takes in a name as ``_``. The
    validation loss is left out where there are no held-out documents.
    """
    values = {name: getattr(report, name) for name in _NUMBERS}
    values |= {
        f"penalty/{re.sub(r'[^A-Za-z0-9_. -]', '_', name)}": value
        for name, value in report.penalties.items()
    }
    return {
        f"{report.phase}/{name}": float(value)
        for name, value in values.items()
        if value is not None
    }


def settings_of(start: FitStart) -> dict[str, str]:
    """Return what is known before the first step as texts: settings in force and sizes."""
    told = {
        **start.settings,
        "n_documents": start.n_documents,
        "vocab_size": start.vocab_size,
        "estimator": start.estimator,
    }
    return {name: _text(value) for name, value in told.items()}


def _text(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    if len(text) > _LONGEST:
        return f"a {type(value).__name__} of {len(text)} characters, left out"
    return text or "''"
