"""Word and topic vectors in the text format of word2vec, which gensim and others read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from topicforge.storage import check_target, write_file


def write_vectors(path: Path, names: Sequence[str], vectors: NDArray[np.float32]) -> int:
    """Write a line ``N d``, then a line per name: the name and its d numbers, which read back exactly.

    Spaces within a name become underscores, because the format separates by spaces.

    Args:
        path: of the file; replaced if it is there.
        names: N names.
        vectors: (N, d).

    Returns:
        The size of the file in bytes.

    Raises:
        StorageError: the file can't be written.

    Source: Mikolov et al. 2013, the format of their program.
    """
    check_target(path)
    with write_file(path) as file:
        file.write(f"{len(vectors)} {vectors.shape[1]}\n".encode())
        for name, vector in zip(names, vectors, strict=True):
            numbers = " ".join(np.format_float_scientific(x, unique=True) for x in vector)
            file.write(f"{'_'.join(name.split())} {numbers}\n".encode())
    return path.stat().st_size
