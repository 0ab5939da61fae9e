"""Writing a model in a format, and holding what was written to what the model says."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.jit import TracerWarning  # type: ignore[attr-defined]

from topicforge.errors import ExportError, MissingExtraError, UnknownNameError, did_you_mean
from topicforge.export.formats import FORMATS
from topicforge.export.theta import Theta
from topicforge.storage import check_target, write_file
from topicforge.wiring.network import Network

#: largest difference of a theta from the model's that is taken for rounding
TOLERANCE = 1e-6
#: where float32 keeps fewer digits than that, how many times as far from theta in float64 the file may be
_AS_EXACT = 4.0


@dataclass(frozen=True)
class Exported:
    """What was written.

    Args:
        path: the file.
        size: bytes.
        difference: largest difference of a theta from the model's, over the documents it was checked with.
    """

    path: Path
    size: int
    difference: float


def write_export(
    network: Network,
    path: Path,
    to: str,
    *,
    files: Mapping[str, str],
    transform: Callable[[sp.csr_matrix, NDArray[np.float32] | None], NDArray[np.float32]],
    members: Sequence[tuple[int, ...]] | None = None,
) -> Exported:
    """Record counts -> theta, compare it with the model, and write it as a file.

    Args:
        network: trained.
        path: of the file; replaced if it is there.
        to: one of :data:`FORMATS`.
        files: texts to put into it, by name.
        transform: counts (N, V), and features (N, F) or ``None`` -> theta: what the file must say.
        members: the fitted topics that each topic consists of, after edits; ``None`` without.

    Raises:
        UnknownNameError: no such format.
        MissingExtraError: ONNX without its libraries.
        ExportError: a part has no form in this format, or the file says something else than the model.
        StorageError: the file can't be written.
    """
    if to not in FORMATS:
        raise UnknownNameError(
            f"export: to must be one of {', '.join(FORMATS)}, got {to!r}.{did_you_mean(to, FORMATS)}"
        )
    check_target(path)
    module = Theta(network, members)
    batches = _documents(network)
    with torch.no_grad(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            written = FORMATS[to].record(module, _tensors(*batches[-1]), files)
        except MissingExtraError:
            raise
        except Exception as error:
            raise ExportError(
                f"export: to {to!r}: {error}; a part that decides in Python by what its tensors hold can't "
                "be recorded as a graph: write it in operations on tensors, or choose another format"
            ) from error
    difference, equal = 0.0, True
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        function, inside = FORMATS[to].open(written, list(files))
        for counts, features in batches:
            got = function(*_tensors(counts, features)).numpy()
            expected = transform(counts, features)
            apart = _largest(got - expected)
            difference = max(difference, apart)
            if apart > TOLERANCE and equal:
                exact = _exactly(module, counts, features)
                equal = _largest(got - exact) <= _AS_EXACT * _largest(expected - exact)
    if not equal or inside != dict(files):
        hints = [str(w.message) for w in caught if issubclass(w.category, TracerWarning)]
        raise ExportError(
            f"export: to {to!r}: theta must differ from the model's by at most {TOLERANCE:g}, but differs by "
            f"{difference:.3g}; a part's result depends on more than its tensors"
            + (f" ({min(hints)})" if hints else "")
        )
    with write_file(path) as file:
        file.write(written)
    return Exported(path, len(written), difference)


def _largest(apart: NDArray[np.floating]) -> float:
    found = float(np.abs(apart).max())
    return found if np.isfinite(found) else np.inf


def _exactly(
    module: Theta, counts: sp.csr_matrix, features: NDArray[np.float32] | None
) -> NDArray[np.float64]:
    wide = (x.double() if x.is_floating_point() else x for x in _tensors(counts, features))
    theta: NDArray[np.float64] = deepcopy(module).double()(*wide).numpy()
    return theta


def _documents(network: Network) -> list[tuple[sp.csr_matrix, NDArray[np.float32] | None]]:
    """One document of one word; none with words; 200, of which every tenth is empty."""
    rng = np.random.default_rng(0)
    context = network.context
    batches = []
    for n_documents, most in ((1, 1), (2, 0), (200, 60)):
        lengths = rng.integers(min(most, 1), most + 1, n_documents)
        lengths[1::10] = 0
        words = [rng.choice(context.vocab_size, min(n, context.vocab_size), False) for n in lengths]
        columns = np.concatenate([np.sort(row) for row in words]).astype(np.int64)
        indptr = np.concatenate([[0], np.cumsum([len(row) for row in words])])
        counts = sp.csr_matrix(
            (rng.integers(1, 5, len(columns)).astype(np.float32), columns, indptr),
            shape=(n_documents, context.vocab_size),
        )
        features = None
        if context.n_features:
            features = rng.normal(size=(n_documents, context.n_features)).astype(np.float32)
        batches.append((counts, features))
    return batches


def _tensors(counts: sp.csr_matrix, features: NDArray[np.float32] | None) -> tuple[Tensor, ...]:
    parts = (
        torch.from_numpy(counts.indptr).long(),
        torch.from_numpy(counts.indices).long(),
        torch.from_numpy(counts.data),
    )
    return parts if features is None else (*parts, torch.from_numpy(features))
