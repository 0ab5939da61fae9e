"""Docstrings -> prose: what a docstring says about its subject, without its form."""

from __future__ import annotations

import inspect
import re

# sections that hold names, citations or code rather than prose
_DROPPED = re.compile(
    r"(?:See Also|References?|Examples?|Attributes|Methods|Routine Listings|Shape|Usage|Version)\s*:*$",
    re.IGNORECASE,
)
# section titles of numpydoc and Google style: a line of their own without subject
_TITLE = re.compile(
    r"(?:(?:Other |Keyword )?(?:Parameters|Arg(?:ument)?s)|Returns?|Yields?|Raises|Warns|Warnings?|Notes?|"
    r"Inputs?|Outputs?|Receives|Keyword Args|Caveats|Tips?)\s*:*$",
    re.IGNORECASE,
)
_UNDERLINE = re.compile(r"\s*([-=~^*#+.])\1{2,}\s*$")
# "alpha, beta : float, default=1.0" of numpydoc; "alpha (float, optional): the" of Google style
_FIELD = re.compile(
    r"^\s*\**`{0,2}[\w.*\[\]]+`{0,2}(?:\s*,\s*\**`{0,2}[\w.*]+`{0,2})*\s+:(?:\s.*)?$"
)
_ARGUMENT = re.compile(r"^(\s*)[-*]?\s*\**`{0,2}[\w.*]+`{0,2}\s*(?:\([^)]*\))?\s*:\s+")
_RST_FIELD = re.compile(r"^\s*:(?:param|type|returns?|rtype|raises?|keyword|arg|ivar|cvar)\b[^:]*:")
_DIRECTIVE = re.compile(r"^\s*\.\. ")
_INLINE = (
    re.compile(r":[\w:+-]+:`[^`]*`"),  # :func:`torch.abs`, :math:`x^2`
    re.compile(r"``[^`]*``"),
    re.compile(r"`[^`\s]*`_?"),  # one identifier; a phrase in backticks stays
    re.compile(r"\$\$?[^$]*\$\$?"),
    re.compile(r"\[[^\]\s]{1,20}\]_"),  # citations
    re.compile(r"\b(?:https?|ftp)://\S+"),
    re.compile(r"\\\w+"),
    # what can only be code: dots inside, underscores, digits, calls, camelCase, options
    re.compile(
        r"(?<!\S)[^\w\s]*(?:\w+\(\)|[A-Za-z]\w*(?:\.\w+)+|\w*_\w*|\w*\d\w*|[a-z]+[A-Z]\w*|--?[a-z][\w-]*|"
        r"\w+=\S*)[^\w\s]*(?!\S)"
    ),
)  # fmt: skip
_SENTENCE_END = re.compile(r"(?<=[.!?:;])\s+(?=[^a-z])")


def sentences(docstring: str) -> tuple[str, ...]:
    """Return the sentences of a docstring in order.

    Gone are doctests, literal blocks and directives with their content, tables' and titles' rules,
    the sections that list names, citations or code, the ``name : type`` lines of parameters (their
    descriptions stay) and, within lines, roles, literals, formulas and identifiers.

    Args:
        docstring: as written, in reStructuredText, numpydoc, Google or no style.
    """
    lines = inspect.cleandoc(docstring).expandtabs().splitlines()
    kept: list[str] = []
    block: int | None = None  # indentation of the line whose deeper lines are being dropped
    section = doctest = False
    for number, line in enumerate(lines):
        text = line.strip()
        if not text:
            doctest = False
            continue
        indent = len(line) - len(line.lstrip())
        follows = lines[number + 1] if number + 1 < len(lines) else ""
        if _UNDERLINE.match(line):
            continue
        if block is not None:
            if indent > block:
                continue
            block = None
        if text.startswith((">>>", "In [")):
            doctest = True
        if doctest:
            continue
        underlined = bool(_UNDERLINE.match(follows))
        dropped = _DROPPED.match(text) is not None and (underlined or text.endswith(":"))
        if underlined:
            # a numpydoc section lasts until the next underlined title
            section = dropped
            continue
        if section:
            continue
        if dropped or _DIRECTIVE.match(line):
            block = indent
            continue
        if _TITLE.match(text) or _FIELD.match(line):
            continue
        if text.endswith("::"):
            block = indent
        kept.append(_RST_FIELD.sub("", _ARGUMENT.sub(r"\1", line)).strip())
    joined = " ".join(kept)
    for pattern in _INLINE:
        joined = pattern.sub(" ", joined)
    return tuple(_SENTENCE_END.split(" ".join(joined.split())))
