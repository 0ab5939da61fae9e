"""Fonts for words that matplotlib's own font has no characters for."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable

#: kana, ideographs, Hangul
_EAST_ASIAN = re.compile(
    "[\u1100-\u11ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
    "\U00020000-\U0003134f]"
)
#: of Linux, macOS and Windows, those that cover most first
FAMILIES = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN",
    "WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "PingFang SC", "Hiragino Sans GB", "Heiti SC", "STHeiti",
    "Microsoft YaHei", "SimHei", "Arial Unicode MS", "Noto Sans TC", "Noto Sans JP", "Noto Sans KR",
    "Droid Sans Fallback",
)  # fmt: skip


def families(texts: Iterable[str]) -> list[str]:
    """Return font families that have the characters of texts, matplotlib's own first.

    A warning names fonts to install where texts have East Asian characters and no font has.

    Args:
        texts: what is drawn.
    """
    from matplotlib import font_manager, rcParams

    own = list(rcParams["font.family"])
    if not any(_EAST_ASIAN.search(text) for text in texts):
        return own
    installed = {font.name for font in font_manager.fontManager.ttflist}
    found = [family for family in FAMILIES if family in installed]
    if not found:
        warnings.warn(
            "plot: no installed font has the East Asian characters of these words, so boxes are drawn in "
            "their place; install Noto Sans CJK (Debian and Ubuntu: fonts-noto-cjk) or WenQuanYi Micro Hei "
            "(fonts-wqy-microhei), and remove matplotlib's font cache (matplotlib.get_cachedir())",
            UserWarning,
            stacklevel=4,
        )
    return own + found
