"""The plots as Plotly figures, which show what is under the pointer and can be zoomed.

The functions have the names and arguments of those in :mod:`topicforge.plot`, without ``ax``, and need the
extra ``plot``. ``figure.show()`` opens a browser or a notebook's cell, ``figure.write_html(path)`` a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from topicforge.errors import MissingExtraError
from topicforge.plot.data import (
    COLOURS,
    areas,
    curves,
    document_positions,
    label_groups,
    lines_of,
    pivot,
    places_of,
    topic_names,
    topics_of,
    tree_of,
    word_bars,
)

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_ROW = 22


def _figure(traces: Sequence[dict[str, Any]], **layout: Any) -> Figure:
    try:
        from plotly.graph_objects import Figure
    except ImportError as error:
        raise MissingExtraError(
            "plot.interactive: these figures need plotly: pip install 'topicforge[plot]'"
        ) from error
    return Figure(list(traces), {"template": "none", "margin": {"t": 30}, **layout})


def top_words(model: Any, topic: int, *, top: int = 10) -> Figure:
    """A topic's top words; see :func:`topicforge.plot.top_words`."""
    words, height = word_bars(model, topic, top)
    bars = {"type": "bar", "orientation": "h", "x": height, "y": _plain(words)}
    return _figure(
        [{**bars, "marker": {"color": COLOURS[0]}}],
        xaxis={"title": {"text": "p(word | topic)"}},
        yaxis={"autorange": "reversed", "type": "category", "automargin": True},
        title={"text": f"topic {topic}"},
        height=120 + _ROW * len(words),
    )


def topic_map(model: Any, *, places: NDArray[Any] | None = None) -> Figure:
    """Topics as discs; see :func:`topicforge.plot.topic_map`. Point at one for its words."""
    topics, names = topics_of(model), _plain(topic_names(model))
    shown, words = topics.shown, topics.words(10)
    at, area = places_of(topics, places)[shown], areas(model)[shown]
    told = [f"{names[k]}<br>{' '.join(_plain(words[k]))}" for k in shown]
    discs = {
        "type": "scatter", "mode": "markers+text", "x": at[:, 0], "y": at[:, 1],
        "text": [str(k) for k in shown], "hovertext": told, "customdata": shown,
        "hovertemplate": "%{hovertext}<extra></extra>",
        "marker": {
            "size": area, "sizemode": "area", "sizeref": 2 * max(area.max(initial=0.0), 1e-12) / 60**2,
            "sizemin": 6, "color": COLOURS[0], "opacity": 0.5,
        },
    }  # fmt: skip
    return _figure([discs], **_plane(at))


def document_map(
    model: Any,
    theta: NDArray[Any],
    *,
    labels: Sequence[Any] | None = None,
    places: NDArray[Any] | None = None,
    texts: Sequence[str] | None = None,
) -> Figure:
    """Documents as dots; see :func:`topicforge.plot.document_map`.

    Args:
        model: fitted.
        theta: (N, K).
        labels: N, or ``None``.
        places: (K, 2) places of topics, or ``None``.
        texts: N texts to show under the pointer; ``None`` for the documents' numbers.
    """
    at = document_positions(theta, places_of(model, places)).astype(np.float32)
    dots = [
        {
            "type": "scatter", "mode": "markers", "x": at[rows, 0], "y": at[rows, 1],
            "name": _plain([label])[0], "customdata": rows,
            "hovertext": _plain([str(n) if texts is None else texts[n][:80] for n in rows]),
            "hovertemplate": "%{hovertext}", "marker": {"color": colour, "size": 5, "opacity": 0.6},
        }
        for label, colour, rows in label_groups(theta, labels, topic_names(model))
    ]  # fmt: skip
    return _figure(dots, **_plane(at), showlegend=True)


def theta_by_label(table: Sequence[Any]) -> Figure:
    """The mean theta of each class; see :func:`topicforge.plot.theta_by_label`."""
    classes, names, shares = pivot(table)
    return _heatmap(shares, [*names.values()], classes, "Viridis", 0, None, "mean theta")


def per_class(table: Sequence[Any], *, topics: Sequence[int] | None = None) -> Figure:
    """The share of topics in each class; see :func:`topicforge.plot.per_class`."""
    classes, lines = lines_of(table, topics)
    bars = [
        {
            "type": "bar", "orientation": "h", "x": shares, "y": _plain(classes),
            "name": _plain([name])[0], "marker": {"color": colour},
        }
        for name, colour, shares in lines
    ]  # fmt: skip
    return _figure(
        bars,
        xaxis={"title": {"text": "mean theta"}},
        yaxis={"autorange": "reversed", "type": "category", "automargin": True},
        height=150 + _ROW * len(classes) * (len(lines) + 1) // 2,
    )


def over_time(table: Sequence[Any], *, topics: Sequence[int] | None = None) -> Figure:
    """The share of topics over time; see :func:`topicforge.plot.over_time`."""
    times, lines = lines_of(table, topics)
    traces = [
        {
            "type": "scatter", "mode": "lines+markers", "x": times, "y": shares,
            "name": _plain([name])[0], "line": {"color": colour},
        }
        for name, colour, shares in lines
    ]  # fmt: skip
    return _figure(
        traces,
        xaxis={"type": "date" if isinstance(times[0], str) else "linear"},
        yaxis={"title": {"text": "mean theta"}, "rangemode": "tozero"},
        legend={"orientation": "h"},
    )


def correlation(matrix: NDArray[Any], *, names: Sequence[str] | None = None) -> Figure:
    """Which topics share documents; see :func:`topicforge.plot.correlation`."""
    off = np.array(matrix, dtype=np.float64)
    np.fill_diagonal(off, np.nan)
    most = float(np.nanmax(np.abs(off))) if np.isfinite(off).any() else 1.0
    names = names or [str(k) for k in range(len(off))]
    return _heatmap(off, names, names, "PuOr", -most, most, "correlation of theta")


def hierarchy(model: Any) -> Figure:
    """Which topics merge first; see :func:`topicforge.plot.hierarchy`."""
    leaves, heights, places = tree_of(model)
    gap = np.full((len(heights), 1), np.nan)
    brackets = {
        "type": "scatter", "mode": "lines", "line": {"color": COLOURS[0]}, "hoverinfo": "x",
        "x": np.hstack([heights, gap]).ravel(), "y": np.hstack([places, gap]).ravel(),
    }  # fmt: skip
    return _figure(
        [brackets],
        xaxis={
            "title": {"text": "distance at which topics merge"},
            "range": [0, 1.05 * heights.max(initial=1e-6)],
        },
        yaxis={
            "tickvals": [5 + 10 * i for i in range(len(leaves))], "ticktext": _plain(leaves),
            "automargin": True, "range": [0, 10 * len(leaves)], "zeroline": False,
        },
        height=120 + _ROW * len(leaves),
    )  # fmt: skip


def training(model: Any) -> Figure:
    """The loss terms of a fit; see :func:`topicforge.plot.training`."""
    lines = curves(model.history_)
    del lines["active topics"]
    traces = [
        {
            "type": "scatter", "mode": "lines+markers", "x": list(range(1, len(line) + 1)),
            "y": line, "name": name, "line": {"color": COLOURS[number % len(COLOURS)]},
        }
        for number, (name, line) in enumerate(lines.items())
    ]  # fmt: skip
    return _figure(
        traces,
        xaxis={"title": {"text": "epoch"}},
        yaxis={"title": {"text": "nats per document"}},
        legend={"orientation": "h"},
    )


def scores(
    n_topics: Sequence[int],
    values: Sequence[float],
    *,
    name: str = "score",
    deviations: Sequence[float] | None = None,
) -> Figure:
    """A score against the number of topics; see :func:`topicforge.plot.scores`."""
    line: dict[str, Any] = {
        "type": "scatter", "mode": "lines+markers", "x": list(n_topics), "y": list(values),
        "line": {"color": COLOURS[0]},
    }  # fmt: skip
    if deviations is not None:
        line["error_y"] = {"type": "data", "array": list(deviations)}
    return _figure(
        [line], xaxis={"title": {"text": "number of topics"}}, yaxis={"title": {"text": name}}
    )


def _plane(places: NDArray[Any]) -> dict[str, Any]:
    """The layout of a map: no axes, and as long to the right as up."""
    low, high = places.min(0, initial=0.0), places.max(0, initial=0.0)
    edge = 0.08 * max((high - low).max(), 1e-6)
    hidden = [
        {"visible": False, "range": [float(a - edge), float(b + edge)]}
        for a, b in zip(low, high, strict=True)
    ]
    return {
        "xaxis": hidden[0],
        "yaxis": {**hidden[1], "scaleanchor": "x"},
        "hovermode": "closest",
        "height": 520,
    }


def _heatmap(
    values: NDArray[Any],
    columns: Sequence[str],
    rows: Sequence[str],
    colours: str,
    low: float,
    high: float | None,
    title: str,
) -> Figure:
    cells = {
        "type": "heatmap", "z": values.astype(np.float32), "x": _plain(columns), "y": _plain(rows),
        "colorscale": colours, "zmin": low, "zmax": high if high is not None else values.max(),
        "colorbar": {"title": {"text": title, "side": "right"}}, "hoverongaps": False,
    }  # fmt: skip
    axis = {"type": "category", "automargin": True}
    return _figure(
        [cells], xaxis=axis, yaxis={**axis, "autorange": "reversed"}, height=200 + _ROW * len(rows)
    )


def _plain(texts: Sequence[str]) -> list[str]:
    """Texts as they are, for Plotly reads ``<b>`` and the like as markup."""
    return [escape(text, quote=False) for text in texts]
