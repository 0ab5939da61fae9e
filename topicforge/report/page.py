"""The page around the data: template, styles, script and Plotly in one file, with a strict policy."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from topicforge.errors import MissingExtraError, OptionError

LANGUAGES = ("en", "zh")


def check(language: str, n_documents: int) -> None:
    """Find out before the work whether a report can be made.

    Raises:
        OptionError: another language than ``en`` and ``zh``, or fewer than one document.
        MissingExtraError: without Plotly.
    """
    if language not in LANGUAGES:
        raise OptionError(
            f"report: language must be one of {', '.join(LANGUAGES)}, got {language!r}"
        )
    if n_documents < 1:
        raise OptionError(f"report: documents must be at least 1, got {n_documents}")
    _plotly()


def page(data: Mapping[str, Any], language: str = "en") -> bytes:
    """Return the HTML file, UTF-8.

    Everything that comes from a corpus or a model is in one JSON element that no parser of HTML can
    leave, and the script puts it on the page as text. The content security policy allows the two scripts
    of this file by their checksums and no connection to anywhere.

    Args:
        data: from :func:`~topicforge.report.collect.collect`.
        language: of headings and labels, see :func:`check`.

    Raises:
        MissingExtraError: without Plotly.
    """
    said = json.loads(_read("messages.json"))[language]
    script, plotly = _read("report.js"), _plotly()
    parts = {
        "lang": "zh-Hans" if language == "zh" else language,
        "title": html.escape(str(data["title"])),
        "policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data: blob:; "
        f"script-src {_checksum(plotly)} {_checksum(script)}; base-uri 'none'; form-action 'none'",
        "style": _read("report.css"),
        "plotly": plotly,
        "script": script,
        "data": as_json({**data, "said": said}),
    }
    # in one pass, so that nothing that is put in is looked at again
    filled = re.sub(
        r"\{\{(\w+)\}\}",
        lambda found: parts[found[1]] if found[1] in parts else html.escape(said[found[1]]),
        _read("report.html"),
    )
    # half a character, which UTF-8 can't hold, becomes a question mark
    return filled.encode("utf-8", "replace")


def as_json(value: Any) -> str:
    """Return JSON that may stand inside a script element, whatever its texts are."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return re.sub("[<>&\u2028\u2029]", lambda found: f"\\u{ord(found[0]):04x}", text)


def _read(name: str) -> str:
    return files("topicforge.report").joinpath(name).read_text(encoding="utf-8")


def _plotly() -> str:
    try:
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtraError(
            "report: the figures need plotly: pip install 'topicforge[plot]'"
        ) from error
    # the parser of HTML reads a carriage return as a line feed, which would change the checksum
    return str(get_plotlyjs()).replace("\r\n", "\n").replace("\r", "\n")


def _checksum(script: str) -> str:
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
