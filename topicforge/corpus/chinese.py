"""Chinese segmentation by jieba, the extra ``zh``."""

from __future__ import annotations

import logging
import warnings
from functools import lru_cache
from typing import Any

from topicforge.errors import MissingExtraError


@lru_cache(maxsize=1)
def load_jieba() -> Any:
    """Return a jieba tokenizer of its own, with the dictionary that comes with jieba.

    jieba itself would write to standard error and leave a cache in the folder for temporary files,
    and read whatever lies there under that name; reading the dictionary takes a second anyway.

    Raises:
        MissingExtraError: jieba is not installed.
    """
    try:
        with warnings.catch_warnings():
            # jieba 0.42's patterns hold escapes that newer Pythons warn of
            warnings.simplefilter("ignore")
            import jieba
    except ImportError as error:
        raise MissingExtraError(
            "Chinese texts need jieba, which is not installed: pip install 'topicforge[zh]'"
        ) from error
    jieba.setLogLevel(logging.WARNING)
    tokenizer = jieba.Tokenizer()
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer
