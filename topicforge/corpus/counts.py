"""Word counts of documents in compressed sparse rows, in memory or memory-mapped; never dense."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from topicforge.errors import CorpusError, InputError

#: entries looked at in one go, so that a memory-mapped corpus is never loaded whole
CHUNK = 1 << 22
#: from here on a nearly empty matrix is taken for a damaged one, before memory is taken for its size
_SUSPICIOUS = 10**8
_INT32_MAX = np.iinfo(np.int32).max


@dataclass(frozen=True, eq=False)
class Counts:
    """N documents over V words: document n holds ``indices[indptr[n]:indptr[n + 1]]``.

    A document may be empty. The arrays may be memory-mapped files; nothing here loads them whole or
    makes anything of size documents x vocabulary. Use :meth:`from_matrix` for what a user hands in:
    the constructor checks shapes and types only, :meth:`check` everything.

    Args:
        indptr: (N + 1,) int64, from 0 to nnz, never falling.
        indices: (nnz,) int32 words, rising within a document and below V.
        counts: (nnz,) float32 or int32, finite and > 0.
        vocab_size: V.

    Raises:
        InputError: arrays of another type, dimension or length.
    """

    indptr: NDArray[np.int64]
    indices: NDArray[np.int32]
    counts: NDArray[np.float32] | NDArray[np.int32]
    vocab_size: int

    def __post_init__(self) -> None:
        wanted = {"indptr": ("int64",), "indices": ("int32",), "counts": ("float32", "int32")}
        for name, types in wanted.items():
            array = getattr(self, name)
            if (
                not isinstance(array, np.ndarray)
                or array.ndim != 1
                or array.dtype.name not in types
            ):
                got = (
                    f"{array.ndim} dimension(s) of {array.dtype}"
                    if isinstance(array, np.ndarray)
                    else type(array).__name__
                )
                raise InputError(
                    f"Counts: {name} must be a 1-d array of {' or '.join(types)}, got {got}; "
                    "Counts.from_matrix converts"
                )
        ends = (int(self.indptr[0]), int(self.indptr[-1])) if len(self.indptr) else None
        if ends != (0, len(self.indices)) or len(self.indices) != len(self.counts):
            raise InputError(
                f"Counts: indptr must go from 0 to the number of entries, got {ends} for "
                f"{len(self.indices)} indices and {len(self.counts)} counts"
            )
        if not 0 < self.vocab_size <= _INT32_MAX:
            raise InputError(f"Counts: vocab_size must be in [1, 2^31 - 1], got {self.vocab_size}")

    # ---- making -------------------------------------------------------------------------

    @classmethod
    def from_matrix(cls, X: Any, where: str = "Counts.from_matrix") -> Counts:
        """Check a matrix of counts and return it as ``Counts``.

        Duplicate entries are summed, explicit zeros dropped, empty documents and fractional counts
        (TF-IDF, say) kept. Integers are kept as int32, all else as float32. ``X`` itself is left
        alone; the result shares its arrays where they are of that form already.

        Args:
            X: (N, V), scipy sparse of any format, a torch tensor, sparse ones too, or a dense array-like.
            where: the caller's name, for messages.

        Raises:
            InputError: not a matrix of numbers; no document or no word; NaN, infinite or negative
                counts; index arrays that are damaged.
        """
        if isinstance(X, Counts):
            return X
        X = without_torch(X)
        csr = _sparse(X, where) if sp.issparse(X) else _dense(X, where)
        counts = _values(csr.data, where)
        if not csr.has_canonical_format:
            # sum in place, but in a copy: the matrix is the caller's; in float64, where a sum of
            # two int32 counts can't wrap around
            csr = sp.csr_array((csr.data.astype(np.float64), csr.indices.copy(), csr.indptr.copy()),
                               shape=csr.shape)  # fmt: skip
            csr.sum_duplicates()
            whole = counts.dtype == np.int32
            counts = _values(csr.data.astype(np.int64) if whole else csr.data, where)
        indptr, indices = csr.indptr.astype(np.int64), csr.indices.astype(np.int32, copy=False)
        if any((counts[part] == 0).any() for part in _parts(len(counts))):
            kept = counts != 0
            indptr = np.concatenate([[0], np.cumsum(kept)])[indptr]
            indices, counts = indices[kept], counts[kept]
        return cls(indptr, indices, counts, int(csr.shape[1]))

    def select(self, index: ArrayLike | slice) -> Counts:
        """Return the documents of an index, in its order, in memory.

        Args:
            index: document numbers, a mask of N booleans, or a slice.

        Raises:
            InputError: a number outside the corpus or a mask of another length.
        """
        chosen = self._numbers(index)
        indptr, at = self._positions(chosen)
        return Counts(indptr, self.indices[at].copy(), self.counts[at].copy(), self.vocab_size)

    # ---- reading ------------------------------------------------------------------------

    @property
    def n_documents(self) -> int:
        """N."""
        return len(self.indptr) - 1

    @property
    def n_entries(self) -> int:
        """Entries above zero, nnz."""
        return len(self.indices)

    @property
    def shape(self) -> tuple[int, int]:
        """(N, V)."""
        return self.n_documents, self.vocab_size

    def rows(
        self, index: ArrayLike | slice
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
        """Gather documents as ``(crow, col, count)``, fresh arrays of their own.

        Args:
            index: B document numbers in any order, a mask of N booleans, or a slice. Consecutive
                numbers are read as one block.

        Returns:
            crow (B + 1,) int64, col (nnz,) int64, count (nnz,) float32: document ``b`` of the batch
            holds ``col[crow[b]:crow[b + 1]]``.

        Raises:
            InputError: a number outside the corpus or a mask of another length.
            CorpusError: a document that does not lie within the entries, or a word outside the
                vocabulary: the file was damaged after it was opened.
        """
        crow, at = self._positions(self._numbers(index))
        col = self.indices[at].astype(np.int64)
        if len(col) and not (col.min() >= 0 and col.max() < self.vocab_size):
            raise CorpusError(
                f"Counts.rows: words must be in [0, {self.vocab_size - 1}], got {col.min()} to "
                f"{col.max()}; the corpus is damaged, build it again"
            )
        return crow, col, self.counts[at].astype(np.float32)

    def lengths(self, start: int = 0, stop: int | None = None) -> NDArray[np.int64]:
        """Entries of each document of a range, (stop - start,): how many distinct words it has.

        Args:
            start: first document.
            stop: one behind the last; ``None`` for all. What lies beyond the end is left out.
        """
        stop = self.n_documents if stop is None else min(stop, self.n_documents)
        return np.diff(self.indptr[start : stop + 1])

    def release(self) -> None:
        """Take pages of memory-mapped arrays out of this process; they stay in the system's cache.

        Reading a mapped corpus in random order would in the end count all of it as this process'
        memory. In memory, or where the system has no such call, nothing happens.
        """
        for array in (self.indptr, self.indices, self.counts):
            mapped = array.base
            if isinstance(mapped, np.memmap) and hasattr(mmap, "MADV_DONTNEED"):
                mapped._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]

    def chunks(self, max_entries: int | None = None) -> Iterator[tuple[int, int]]:
        """Yield ranges ``(start, stop)`` of at most ``max_entries`` documents and entries.

        A single document with more entries is a range of its own. ``None``: 4,194,304.
        """
        max_entries = max_entries or CHUNK
        start = 0
        while start < self.n_documents:
            limit = int(self.indptr[start]) + max_entries
            stop = int(np.searchsorted(self.indptr, limit, side="right")) - 1
            stop = min(max(stop, start + 1), start + max_entries, self.n_documents)
            yield start, stop
            start = stop

    def to_scipy(self) -> sp.csr_array:
        """Return an (N, V) CSR that shares these arrays (scipy may copy the index arrays)."""
        return sp.csr_array((self.counts, self.indices, self.indptr), shape=self.shape)

    def word_totals(self) -> NDArray[np.float64]:
        """Sum over documents: (V,) how often each word occurs."""
        total = np.zeros(self.vocab_size)
        for part in _parts(self.n_entries):
            total += np.bincount(self.indices[part], self.counts[part], self.vocab_size)
            self.release()
        return total

    def document_frequencies(self) -> NDArray[np.int64]:
        """Return (V,): in how many documents each word occurs."""
        total = np.zeros(self.vocab_size, dtype=np.int64)
        for part in _parts(self.n_entries):
            total += np.bincount(self.indices[part], minlength=self.vocab_size)
            self.release()
        return total

    def document_totals(self) -> NDArray[np.float64]:
        """Sum over words: (N,) the length of each document."""
        total = np.empty(self.n_documents)
        for start, stop in self.chunks():
            entries = slice(int(self.indptr[start]), int(self.indptr[stop]))
            lengths = np.diff(self.indptr[start : stop + 1])
            owner = np.repeat(np.arange(stop - start), lengths)
            total[start:stop] = np.bincount(owner, self.counts[entries], stop - start)
            self.release()
        return total

    def check(self) -> None:
        """Look at every entry, in chunks.

        Raises:
            CorpusError: indptr that falls, words outside the vocabulary or not rising within a
                document, counts that are not finite and above zero.
        """
        if self.n_documents and int(np.diff(self.indptr).min()) < 0:
            raise CorpusError("Counts.check: indptr must never fall; the corpus is damaged")
        for start, stop in self.chunks():
            bounds = np.asarray(self.indptr[start : stop + 1])
            entries = slice(int(bounds[0]), int(bounds[-1]))
            words, values = self.indices[entries], self.counts[entries]
            if not len(words):
                continue
            rising = np.diff(words) > 0
            firsts = bounds[1:-1] - bounds[0]
            # between two documents the words may fall; an empty document at the end has no entry
            rising[firsts[(firsts > 0) & (firsts < len(words))] - 1] = True
            if words.min() < 0 or words.max() >= self.vocab_size or not rising.all():
                raise CorpusError(
                    f"Counts.check: documents {start} to {stop - 1} must hold words of [0, "
                    f"{self.vocab_size - 1}], rising; got {words.min()} to {words.max()}"
                    f"{'' if rising.all() else ', not rising'}; the corpus is damaged"
                )
            if not (np.isfinite(values) & (values > 0)).all():
                raise CorpusError(
                    f"Counts.check: documents {start} to {stop - 1} must hold finite counts above "
                    "zero; the corpus is damaged"
                )

    # ---- indices --------------------------------------------------------------------------

    def _numbers(self, index: ArrayLike | slice) -> NDArray[np.int64]:
        if isinstance(index, slice):
            return np.arange(*index.indices(self.n_documents), dtype=np.int64)
        chosen = np.asarray(index)
        if chosen.dtype == np.bool_:
            if chosen.shape != (self.n_documents,):
                raise InputError(
                    f"Counts: a mask must hold one boolean a document, {self.n_documents} in all, "
                    f"got shape {chosen.shape}"
                )
            return np.flatnonzero(chosen)
        if chosen.size == 0 and chosen.ndim == 1:
            return np.empty(0, dtype=np.int64)
        if chosen.ndim != 1 or chosen.dtype.kind not in "iu":
            raise InputError(
                "Counts: documents must be chosen by a 1-d array of numbers or booleans, got "
                f"{chosen.ndim} dimension(s) of {chosen.dtype}"
            )
        chosen = chosen.astype(np.int64, copy=False)
        if chosen.min() < 0 or chosen.max() >= self.n_documents:
            raise InputError(
                f"Counts: document numbers must be in [0, {self.n_documents - 1}], got "
                f"{chosen.min()} to {chosen.max()}"
            )
        return chosen

    def _positions(
        self, chosen: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], slice | NDArray[np.int64]]:
        """Offsets of the chosen documents (B + 1,), and where their entries lie."""
        indptr = np.asarray(self.indptr)
        start, stop = indptr[chosen], indptr[chosen + 1]
        outside = (start < 0) | (stop < start) | (stop > self.n_entries)
        if outside.any():
            i = int(outside.argmax())
            raise CorpusError(
                f"Counts: document {chosen[i]} must lie within the {self.n_entries} entries, but goes "
                f"from {start[i]} to {stop[i]}; the corpus is damaged, build it again"
            )
        crow = np.zeros(len(chosen) + 1, dtype=np.int64)
        np.cumsum(stop - start, out=crow[1:])
        if not len(chosen):
            return crow, slice(0, 0)
        if chosen[-1] - chosen[0] == len(chosen) - 1 and (np.diff(chosen) == 1).all():
            return crow, slice(int(start[0]), int(stop[-1]))
        lengths = np.diff(crow)
        return crow, np.repeat(start - crow[:-1], lengths) + np.arange(crow[-1])


def without_torch(X: Any) -> Any:
    """Return a tensor as numpy or scipy has it, and anything else as it is; imports no torch."""
    if type(X).__module__.partition(".")[0] != "torch":
        return X
    X = X.detach().cpu()
    if str(X.layout) == "torch.strided":
        return X.numpy()
    X = X.to_sparse_coo().coalesce()
    return sp.coo_array((X.values().numpy(), X.indices().numpy()), shape=tuple(X.shape)).tocsr()


def _parts(n: int) -> Iterator[slice]:
    return (slice(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK))


def _sparse(X: Any, where: str) -> sp.csr_array:
    if X.ndim != 2:
        raise InputError(f"{where}: counts must have 2 dimensions, got {X.ndim}")
    _size(X.shape, where)
    if max(X.shape) > _SUSPICIOUS and max(X.shape) > 100 * X.nnz:
        raise InputError(
            f"{where}: a matrix of {X.shape[0]} documents and {X.shape[1]} words must have more than "
            f"{X.nnz} entries; its sizes are damaged, or drop the empty documents and unused words"
        )
    # a view of the caller's arrays: check_format may replace index arrays
    kind = {"csr": sp.csr_array, "csc": sp.csc_array, "bsr": sp.bsr_array}.get(X.format)
    try:
        if kind is not None:
            # before anything walks the arrays: an offset beyond their end would read foreign memory
            X = kind(X)
            X.check_format(full_check=True)
        if X.format in ("coo", "bsr") and X.dtype.itemsize < 8:
            # the conversion sums duplicates in the matrix's own type, where 200 + 100 may be 44
            X = X.astype(np.float64 if X.dtype.kind == "f" else np.int64)
        return sp.csr_array(X)
    except (ValueError, IndexError) as error:
        raise InputError(f"{where}: the sparse matrix must be consistent, but {error}") from error


def _dense(X: Any, where: str) -> sp.csr_array:
    try:
        array = np.asarray(X)
    except ValueError as error:  # rows of different lengths
        raise InputError(f"{where}: counts must be a (documents, words) matrix, {error}") from error
    if array.ndim != 2:
        raise InputError(
            f"{where}: counts must be a 2-d (documents, words) matrix. Expected 2D array, got "
            f"{array.ndim}D array instead. Reshape your data using array.reshape(1, -1) if it is one "
            "document"
        )
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"{where}: counts must be numbers: {error}") from error
    _size(array.shape, where)
    _numeric(array.dtype, where)
    # scipy knows neither half precision nor foreign byte order
    half = array.dtype == np.float16
    array = array.astype(np.float32 if half else array.dtype.newbyteorder("="), copy=False)
    step = max(1, CHUNK // array.shape[1])
    blocks = [
        sp.csr_array(np.ascontiguousarray(array[start : start + step]))
        for start in range(0, array.shape[0], step)
    ]
    return blocks[0] if len(blocks) == 1 else sp.csr_array(sp.vstack(blocks, format="csr"))


def _size(shape: tuple[int, ...], where: str) -> None:
    # scikit-learn's wording, which callers of its estimators look for
    if shape[0] == 0:
        raise InputError(
            f"{where}: found array with 0 sample(s) (shape={tuple(shape)}) while a minimum of 1 is "
            "required: at least one document"
        )
    if shape[1] == 0:
        raise InputError(
            f"{where}: found array with 0 feature(s) (shape={tuple(shape)}) while a minimum of 1 is "
            "required: at least one word"
        )
    if shape[1] > _INT32_MAX:
        raise InputError(f"{where}: at most 2^31 - 1 words are supported, got {shape[1]}")


def _numeric(dtype: np.dtype[Any], where: str) -> None:
    if dtype.kind == "c":
        raise InputError(f"{where}: Complex data not supported: counts must be real numbers")
    if dtype.kind not in "biuf":
        raise InputError(f"{where}: counts must be numbers, got values of type {dtype}")


def _values(data: NDArray[Any], where: str) -> NDArray[np.float32] | NDArray[np.int32]:
    """Check values chunk by chunk and return them as int32 or float32, shared where they are."""
    _numeric(data.dtype, where)
    fractional = data.dtype.kind == "f"
    limit = float(np.finfo(np.float32).max) if fractional else _INT32_MAX
    for part in _parts(len(data)):
        values = data[part]
        if not np.isfinite(values).all():
            n = int((~np.isfinite(values)).sum())
            raise InputError(
                f"{where}: counts must be finite, but X contains NaN or infinity in {n} entries; "
                "remove or repair those documents"
            )
        if (values < 0).any():
            raise InputError(
                f"{where}: counts must be >= 0. Negative values in data: {values.min()} is the lowest "
                f"of {int((values < 0).sum())}"
            )
        if (values > limit).any():
            raise InputError(f"{where}: counts must be at most {limit:.4g}, got {values.max():.4g}")
    if fractional:
        return data.astype(np.float32, copy=False)
    return data.astype(np.int32, copy=False)
