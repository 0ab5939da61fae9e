"""From what a user wrote to a labeler: a built-in one, a plugin's, or a function."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from topicforge.contracts import LabelerSpec
from topicforge.errors import OptionError, UnknownNameError, did_you_mean
from topicforge.registry import default_registry
from topicforge.results.labels import OFFLINE, Labeler


def find_labeler(written: Any) -> Labeler:
    """Return the function that labels a topic.

    Args:
        written: a name of :data:`~topicforge.results.labels.OFFLINE`, a plugin's,
            ``(name, {option: value})``, or a function.

    Raises:
        UnknownNameError: no such labeler or option.
        OptionError: something else.
    """
    where = "TopicModel.label_topics"
    if callable(written):
        found: Labeler = written
        return found
    name, options = (
        written if isinstance(written, tuple | list) and len(written) == 2 else (written, {})
    )
    if not isinstance(name, str) or not isinstance(options, Mapping):
        raise OptionError(
            f"{where}: labels must be {{topic: label}}, a function, or a labeler's name: "
            f"{', '.join(OFFLINE)}, a plugin's, got {written!r:.80}"
        )
    if name in OFFLINE and not options:
        return OFFLINE[name]
    try:
        spec: LabelerSpec = default_registry().find("labeler", name)
    except UnknownNameError as error:
        raise UnknownNameError(f"{where}: {error} Built in are {', '.join(OFFLINE)}.") from error
    for option in options:
        if option not in spec.options:
            listed = ", ".join(f"{k}={v!r}" for k, v in spec.options.items()) or "no option at all"
            raise UnknownNameError(
                f"{where}: labeler {name!r} has no option {option!r}."
                f"{did_you_mean(option, spec.options)} It has {listed}"
            )
    return partial(spec.function, **options)
