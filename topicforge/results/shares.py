"""Shares of topics in groups of documents: by class and over time."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from numbers import Real
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import InputError, OptionError
from topicforge.evaluation.labels import is_missing
from topicforge.results.table import Table
from topicforge.results.topics import Topics

#: calendar units, and how many characters of an ISO date name one
_UNITS = {"year": 4, "month": 7, "day": 10}
#: without ``bins``, so many different times are shown as they are
_DISTINCT = 50
_BINS = 20


@dataclass(frozen=True)
class ClassShare:
    """The share of a topic in a class.

    Args:
        label: of the class.
        topic: its number.
        name: its label.
        share: mean of theta_k over the documents of the class.
        documents: number of documents of the class.
    """

    label: str
    topic: int
    name: str
    share: float
    documents: int


@dataclass(frozen=True)
class TimeShare:
    """The share of a topic in an interval of time.

    Args:
        time: the interval's begin: a number, or a date as ISO 8601 writes it.
        topic: its number.
        name: its label.
        share: mean of theta_k over the documents of the interval.
        documents: number of documents of the interval.
    """

    time: float | str
    topic: int
    name: str
    share: float
    documents: int


Share = TypeVar("Share", ClassShare, TimeShare)


def topics_per_class(
    topics: Topics, theta: NDArray[np.floating], labels: Iterable[Any]
) -> Table[ClassShare]:
    """Return one record per class and topic; classes in the order of their labels.

    Documents without a label are left out, and a warning says how many there are.

    Args:
        topics: hidden ones are left out.
        theta: (N, K).
        labels: N labels; missing: see :func:`~topicforge.evaluation.labels.is_missing`.

    Raises:
        InputError: another number of labels than documents, or no label at all.
    """
    rows, known = _known(labels, len(theta), "topics_per_class", "label")
    return _mean_shares(ClassShare, topics, theta, rows, map(str, known))


def topics_over_time(
    topics: Topics,
    theta: NDArray[np.floating],
    times: Iterable[Any],
    *,
    bins: int | str | None = None,
) -> Table[TimeShare]:
    """Return one record per interval and topic, in the order of time; empty intervals are left out.

    Documents without a time are left out, and a warning says how many there are.

    Args:
        topics: hidden ones are left out.
        theta: (N, K).
        times: N numbers (years, say); or N dates: ``datetime``, ``date``, those of NumPy and pandas, or
            texts as ISO 8601 writes them. Times without a zone count as UTC.
        bins: a number of intervals of equal length; for dates also ``"year"``, ``"month"`` or ``"day"``.
            ``None`` takes the times as they are where at most 50 differ, else 20 intervals.

    Raises:
        InputError: another number of times than documents, no time at all, a time that is neither a
            number nor a date, or numbers beside dates; the message names the rows.
        OptionError: ``bins`` outside its domain.
    """
    where = "topics_over_time"
    whole = isinstance(bins, (int, np.integer)) and not isinstance(bins, bool) and bins > 0
    if bins is not None and not whole and bins not in _UNITS:
        raise OptionError(
            f"{where}: bins must be a whole number of at least 1, {', '.join(_UNITS)} or None, got {bins!r}"
        )
    rows, known = _known(times, len(theta), where, "time")
    read = _read_times(known, rows, where)
    if isinstance(read[0], datetime):
        starts: list[Any] = _date_starts(read, bins)
    elif isinstance(bins, str):
        raise OptionError(
            f"{where}: bins={bins!r} needs dates, but times are numbers such as {read[0]:g}"
        )
    else:
        starts = _starts(np.array(read, dtype=np.float64), bins).tolist()
    return _mean_shares(TimeShare, topics, theta, rows, starts)


def _mean_shares(
    record: type[Share],
    topics: Topics,
    theta: NDArray[np.floating],
    rows: NDArray[np.int64],
    keys: Iterable[Any],
) -> Table[Share]:
    """One record per group and topic: the group's key, the topic, its name and mean theta, the documents."""
    groups: dict[Any, list[int]] = {}
    for n, key in zip(rows, keys, strict=True):
        groups.setdefault(key, []).append(int(n))
    names = topics.names()
    return Table(
        record,
        (
            record(key, k, names[k], float(mean[k]), len(groups[key]))
            for key in sorted(groups)
            for mean in (theta[groups[key]].mean(0, dtype=np.float64),)
            for k in topics.shown
        ),
    )


def _known(
    values: Iterable[Any], n_documents: int, where: str, what: str
) -> tuple[NDArray[np.int64], list[Any]]:
    """The rows whose value is known, and their values."""
    if isinstance(values, str):
        raise InputError(f"{where}: there must be one {what} per document, got one string")
    listed = list(values)
    if len(listed) != n_documents:
        raise InputError(
            f"{where}: there must be one {what} per document: {n_documents} documents, {len(listed)} "
            f"{what}s; give None for a document without one"
        )
    known = np.array([not is_missing(one) for one in listed])
    if not known.any():
        raise InputError(f"{where}: at least one document must have a {what}, got none")
    missing = int((~known).sum())
    if missing:
        warnings.warn(
            f"{where}: {missing:,} of {len(known):,} documents have no {what} and are left out",
            UserWarning, stacklevel=4,
        )  # fmt: skip
    rows = np.flatnonzero(known)
    return rows, [listed[n] for n in rows]


def _read_times(values: Sequence[Any], rows: NDArray[np.int64], where: str) -> list[Any]:
    """Numbers or datetimes, all of one kind."""
    read = [_read_time(value) for value in values]
    for found, what in (
        (
            [i for i, one in enumerate(read) if one is None],
            "a number or a date as ISO 8601 writes it",
        ),
        (_minority(read), "of one kind, numbers or dates"),
    ):
        if found:
            shown = ", ".join(f"{int(rows[i])}: {str(values[i])!r}" for i in found[:5])
            more = f" and {len(found) - 5:,} more" if len(found) > 5 else ""
            raise InputError(f"{where}: times must be {what}, got in document {shown}{more}")
    return read


def _minority(read: Sequence[Any]) -> list[int]:
    dates = [i for i, one in enumerate(read) if isinstance(one, datetime)]
    numbers = [i for i, one in enumerate(read) if isinstance(one, float)]
    return min(dates, numbers, key=len)


def _read_time(value: Any) -> float | datetime | None:
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, bool):
        return None
    if isinstance(value, Real):
        return float(value) if np.isfinite(float(value)) else None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if isinstance(value, str):
        text = value.strip()
        if (
            text.isascii()
            and text.replace(".", "", 1).removeprefix("-").isdigit()
            and len(text) != 8
        ):
            return float(text)
        # a year and a month, which fromisoformat leaves out
        text = f"{text}-01" if len(text) == 7 and text[4] == "-" else text
        try:
            value = datetime.fromisoformat(text)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _date_starts(dates: Sequence[datetime], bins: int | str | None) -> list[str]:
    texts = [_iso(moment) for moment in dates]
    if isinstance(bins, str):
        return [text[: _UNITS[bins]] for text in texts]
    if bins is None and len(set(texts)) <= _DISTINCT:
        return texts
    starts = _starts(np.array([moment.timestamp() for moment in dates]), bins)
    return [_iso(datetime.fromtimestamp(start, UTC).replace(microsecond=0)) for start in starts]


def _iso(moment: datetime) -> str:
    text = moment.replace(tzinfo=None).isoformat()
    return text.removesuffix("T00:00:00")


def _starts(values: NDArray[np.float64], bins: Any) -> NDArray[np.float64]:
    """The begin of each value's interval; the last interval holds its end too."""
    if bins is None and len(np.unique(values)) <= _DISTINCT:
        return values
    edges = np.linspace(values.min(), values.max(), int(bins or _BINS) + 1)
    at = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    return np.asarray(edges[at], dtype=np.float64)
