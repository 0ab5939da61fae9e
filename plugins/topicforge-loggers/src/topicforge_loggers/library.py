"""Importing a library that only one of the loggers needs."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from topicforge.plugin import OptionError, TopicForgeError


def library(module: str, logger: str) -> Any:
    """Import a module that the extra of the same name as the logger brings.

    Args:
        module: its dotted name.
        logger: ``tensorboard`` or ``mlflow``.

    Raises:
        TopicForgeError: it is not installed; the message has the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise TopicForgeError(
            f"callback {logger!r}: it needs {module.partition('.')[0]} with all it rests on, and "
            f"importing it gave: {error}; pip install 'topicforge-loggers[{logger}]'"
        ) from error


def check_text(logger: str, **options: object) -> None:
    """Raise :class:`OptionError` unless each option is a text that says something, or ``None``."""
    for name, value in options.items():
        if value is not None and not (isinstance(value, str) and value.strip()):
            raise OptionError(f"callback {logger!r}: {name} must be a text, got {value!r}")
