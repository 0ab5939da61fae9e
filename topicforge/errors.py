"""Every error topicforge raises on purpose.

A message says where it happened, what must hold, what came instead and what to do about it.
All of them are children of :class:`TopicForgeError`, so one ``except`` catches them; those
that report a wrong value are also ``ValueError``, as scikit-learn's callers expect.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class TopicForgeError(Exception):
    """Base of all errors raised on purpose by topicforge."""


class InputError(TopicForgeError, ValueError):
    """Counts, texts, labels or numbers handed in by the caller are not usable."""


class CorpusError(InputError):
    """A corpus file or folder can't be read: missing, truncated, wrong encoding, inconsistent."""


class OptionError(TopicForgeError, ValueError):
    """An option has a value outside its domain, or a component has no such option."""


class UnknownNameError(OptionError):
    """A component, preset, metric or option name is not known; the message suggests the nearest."""


class MixError(OptionError):
    """The chosen encoder, link, prior, divergence and decoder do not fit together."""


class PluginError(TopicForgeError):
    """A plugin breaks its contract: at registration, at construction or in the middle of training."""


class CallbackError(PluginError):
    """A callback raised during a fit; the model is usable if at least one epoch was done."""


class PluginWarning(UserWarning):
    """A plugin did not load, or failed beside a graver error; everything else works."""


class TrainingError(TopicForgeError):
    """Training can't go on: a loss that is not finite, a start that failed."""


class CheckpointError(TrainingError):
    """A checkpoint is damaged, or of another training."""


class ModelFileError(TopicForgeError, ValueError):
    """A model folder can't be read: missing, truncated, or written with something not installed."""


class ExportError(TopicForgeError):
    """A model can't be written in a format: a part of it has no form there, or computes something else."""


class StorageError(TopicForgeError):
    """A file or folder can't be written, is in use by another process, or is damaged."""


class OutputError(StorageError, OptionError):
    """A place can't take an output: it holds something else, is a link or a mount point."""


class KernelUnavailableError(TopicForgeError, RuntimeError):
    """``impl="native"`` was asked for, but no native library serves this call."""


class MissingExtraError(TopicForgeError, ImportError):
    """An optional library is not installed; the message names the extra that brings it."""


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the nearest known name, or an empty string."""
    near = get_close_matches(str(name), list(known), n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(repr(n) for n in near)}?" if near else ""
