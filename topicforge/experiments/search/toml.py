"""Settings as TOML: what the search found, to be read by the other commands."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def write_settings(settings: Mapping[str, Any]) -> str:
    """Return ``name = value`` lines; an option of a part is ``"part.option"``.

    Args:
        settings: text, numbers, true or false, and lists and tables of these.

    Raises:
        TypeError: another value.
    """
    return "".join(f"{_key(name)} = {value(given)}\n" for name, given in settings.items())


def value(given: Any) -> str:
    """Return one value as TOML.

    Raises:
        TypeError: nothing that TOML can hold.
    """
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, str):
        # a JSON text is a TOML text, but for one character
        return json.dumps(given, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(given, int):
        return str(given)
    if isinstance(given, float):
        return repr(given) if math.isfinite(given) else str(given)
    if isinstance(given, (list, tuple)):
        return f"[{', '.join(value(item) for item in given)}]"
    if isinstance(given, Mapping):
        inside = ", ".join(f"{value(str(key))} = {value(item)}" for key, item in given.items())
        return f"{{{inside}}}"
    raise TypeError(f"TOML holds no {type(given).__name__}")


def _key(name: str) -> str:
    return value(name.replace("__", ".", 1)) if "__" in name else name
