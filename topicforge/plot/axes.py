"""The plots as matplotlib Axes; see :mod:`topicforge.plot`."""

from __future__ import annotations

from collections.abc import Sequence
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
    positions_in_time,
    topic_names,
    topics_of,
    tree_of,
    word_bars,
)
from topicforge.plot.fonts import families

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_INCHES = 0.25


def new_figure(width: float = 6.4, height: float = 4.8) -> Any:
    """Return an empty matplotlib figure.

    Raises:
        MissingExtraError: without matplotlib.
    """
    try:
        from matplotlib.figure import Figure  # no pyplot: no window, no state
    except ImportError as error:
        raise MissingExtraError(
            "pictures need matplotlib: pip install 'topicforge[plot]'"
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def _axes(ax: Axes | None, width: float = 6.4, height: float = 4.8) -> Axes:
    return new_figure(width, height).subplots() if ax is None else ax


def _finish(ax: Axes, *, grid: bool = False) -> Axes:
    """Draw every text as it is, in a font that has its characters."""
    from matplotlib.text import Text

    texts: list[Any] = ax.findobj(Text)
    family = families(text.get_text() for text in texts)
    for text in texts:
        text.set_fontfamily(family)
        text.set_parse_math(False)  # "$" is a word like any other
    if grid:
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    return ax


def top_words(model: Any, topic: int, *, top: int = 10, ax: Axes | None = None) -> Axes:
    """Draw a topic's top words as bars as long as their probability.

    Args:
        model: fitted.
        topic: k, from 0 to K - 1.
        top: how many words, best first in the order of ``model.ranked_by()``.
        ax: where to draw.

    Raises:
        OptionError: there is no such topic.
        MissingExtraError: without matplotlib.
    """
    words, height = word_bars(model, topic, top)
    ax = _axes(ax, 4, 0.6 + _INCHES * len(words))
    ax.barh(range(len(words)), height, color=COLOURS[0])
    ax.set_yticks(range(len(words)), words)
    ax.invert_yaxis()
    ax.locator_params(axis="x", nbins=4)
    ax.set_xlabel("p(word | topic)")
    ax.set_title(f"topic {topic}")
    return _finish(ax)


def topic_map(model: Any, *, places: NDArray[Any] | None = None, ax: Axes | None = None) -> Axes:
    """Draw topics as discs, near one another where their words are alike.

    Places are those of :func:`~topicforge.plot.data.topic_positions`: metric multidimensional scaling of
    Hellinger distances. Only distances mean something; the axes have no meaning of their own. An area
    stands for the mean theta over the training documents; where it is not known, all are alike.

    Args:
        model: fitted.
        places: (K, 2) others.
        ax: where to draw.

    Raises:
        MissingExtraError: without matplotlib.
    """
    ax = _axes(ax, 7, 6)
    topics, names = topics_of(model), topic_names(model)
    places, shown = places_of(topics, places), topics.shown
    ax.scatter(
        places[shown, 0], places[shown, 1], s=6000 * areas(model)[shown], c=COLOURS[0], alpha=0.45,
        linewidths=0,
    )  # fmt: skip
    for k in shown:
        told = names[k].replace(" ", "\n", 1).replace(", ", "\n")
        ax.annotate(told, tuple(places[k]), ha="center", va="center", fontsize="xx-small")
    ax.set_axis_off()
    ax.set_aspect("equal", "datalim")
    ax.margins(0.1)
    return _finish(ax)


def document_map(
    model: Any,
    theta: NDArray[Any],
    *,
    labels: Sequence[Any] | None = None,
    places: NDArray[Any] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw documents as dots on the map of topics, each at the mean of its topics' places.

    Args:
        model: fitted.
        theta: (N, K), from ``model.transform``.
        labels: N, for the colour of dots: the seven most frequent have one of their own, all others
            are grey. ``None``: the largest topic is a document's label.
        places: (K, 2) places of topics, other than those of :func:`topic_map`.
        ax: where to draw.

    Raises:
        InputError: labels of another number.
        MissingExtraError: without matplotlib.
    """
    ax = _axes(ax, 7, 6)
    places = places_of(model, places)
    at = document_positions(theta, places)
    for label, colour, rows in label_groups(theta, labels, topic_names(model)):
        ax.scatter(
            at[rows, 0], at[rows, 1], s=6, color=colour, alpha=0.6, linewidths=0, label=label
        )
    for k in topics_of(model).shown:
        ax.annotate(
            str(k), tuple(places[k]), ha="center", va="center", fontsize="small", fontweight="bold"
        )
    ax.set_axis_off()
    ax.set_aspect("equal", "datalim")
    _legend(ax, markerscale=3)
    return _finish(ax)


def theta_by_label(table: Sequence[Any], *, ax: Axes | None = None) -> Axes:
    """Draw the mean theta of each class as a map of colours, viridis from 0 up.

    Args:
        table: of ``model.topics_per_class``.
        ax: where to draw.

    Raises:
        MissingExtraError: without matplotlib.
    """
    classes, names, shares = pivot(table)
    ax = _axes(ax, 2.5 + _INCHES * len(names), 2 + _INCHES * len(classes))
    image = ax.imshow(shares, cmap="viridis", vmin=0, aspect="auto")
    _ticks(ax, [*names.values()], classes)
    _bar(ax, image, "mean theta")
    return _finish(ax)


def per_class(
    table: Sequence[Any], *, topics: Sequence[int] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the share of topics in each class as bars side by side.

    Args:
        table: of ``model.topics_per_class``.
        topics: numbers; ``None`` for the eight with the largest shares on average.
        ax: where to draw.

    Raises:
        InputError: a topic that is not in the table.
        MissingExtraError: without matplotlib.
    """
    classes, lines = lines_of(table, topics)
    ax = _axes(ax, 7, 1 + 0.12 * len(classes) * (len(lines) + 1))
    height = 1 / (len(lines) + 1)
    for number, (name, colour, shares) in enumerate(lines):
        at = np.arange(len(classes)) + height * (number - (len(lines) - 1) / 2)
        ax.barh(at, shares, height, color=colour, label=name)
    ax.set_yticks(range(len(classes)), classes)
    ax.invert_yaxis()
    ax.set_xlabel("mean theta")
    _legend(ax)
    return _finish(ax, grid=True)


def over_time(
    table: Sequence[Any], *, topics: Sequence[int] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw the share of topics over time as lines.

    Args:
        table: of ``model.topics_over_time``.
        topics: numbers; ``None`` for the eight with the largest shares on average.
        ax: where to draw.

    Raises:
        InputError: a topic that is not in the table.
        MissingExtraError: without matplotlib.
    """
    times, lines = lines_of(table, topics)
    ax = _axes(ax, 8)
    for name, colour, shares in lines:
        ax.plot(positions_in_time(times), shares, color=colour, marker=".", label=name)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("mean theta")
    _legend(ax)
    return _finish(ax, grid=True)


def correlation(
    matrix: NDArray[Any], *, names: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw which topics share documents, and which avoid one another.

    Args:
        matrix: (K, K), from ``model.topic_correlation``.
        names: K names of topics; ``None`` for their numbers.
        ax: where to draw.

    Raises:
        MissingExtraError: without matplotlib.
    """
    off = np.array(matrix, dtype=np.float64)
    np.fill_diagonal(off, np.nan)
    ax = _axes(ax, 3 + _INCHES * len(off), 2.5 + _INCHES * len(off))
    most = np.nanmax(np.abs(off)) if np.isfinite(off).any() else 1.0
    image = ax.imshow(off, cmap="PuOr", vmin=-most, vmax=most)
    names = names or [str(k) for k in range(len(off))]
    _ticks(ax, names, names)
    _bar(ax, image, "correlation of theta")
    return _finish(ax)


def hierarchy(model: Any, *, ax: Axes | None = None) -> Axes:
    """Draw which topics merge first as a tree that grows to the right.

    Args:
        model: fitted; the merges are those of ``model.hierarchy()``.
        ax: where to draw.

    Raises:
        MissingExtraError: without matplotlib.
    """
    leaves, heights, places = tree_of(model)
    ax = _axes(ax, 7, 1 + _INCHES * len(leaves))
    for x, y in zip(heights, places, strict=True):
        ax.plot(x, y, color=COLOURS[0], linewidth=1)
    ax.set_yticks([5 + 10 * i for i in range(len(leaves))], leaves)
    ax.set_ylim(0, 10 * len(leaves))
    ax.set_xlim(left=0)
    ax.set_xlabel("distance at which topics merge")
    return _finish(ax, grid=True)


def training(model: Any, *, ax: Axes | None = None) -> Axes:
    """Draw the loss terms of a fit, epoch by epoch, pretraining left out.

    Args:
        model: fitted.
        ax: where to draw.

    Raises:
        InputError: no epoch was trained.
        MissingExtraError: without matplotlib.
    """
    lines = curves(model.history_)
    ax = _axes(ax)
    del lines["active topics"]
    for number, (name, line) in enumerate(lines.items()):
        ax.plot(
            range(1, len(line) + 1), [np.nan if v is None else v for v in line],
            color=COLOURS[number % 8], marker="o" if len(line) == 1 else None, label=name,
        )  # fmt: skip
    ax.set_xlabel("epoch")
    ax.set_ylabel("nats per document")
    ax.legend(frameon=False)
    return _finish(ax, grid=True)


def scores(
    n_topics: Sequence[int],
    values: Sequence[float],
    *,
    name: str = "score",
    deviations: Sequence[float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw a score against the number of topics.

    Args:
        n_topics: numbers of topics.
        values: the score at each of them, a mean over seeds say.
        name: of the score.
        deviations: over seeds, for error bars.
        ax: where to draw.

    Raises:
        MissingExtraError: without matplotlib.
    """
    ax = _axes(ax)
    ax.errorbar(n_topics, values, yerr=deviations, color=COLOURS[0], marker="o", capsize=3)
    ax.set_xticks(n_topics)
    ax.set_xlabel("number of topics")
    ax.set_ylabel(name)
    return _finish(ax, grid=True)


def _legend(ax: Axes, **options: Any) -> None:
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False, **options)


def _ticks(ax: Axes, columns: Sequence[str], rows: Sequence[str]) -> None:
    ax.set_xticks(range(len(columns)), columns, rotation=90)
    ax.set_yticks(range(len(rows)), rows)


def _bar(ax: Axes, image: Any, label: str) -> None:
    ax.get_figure(root=True).colorbar(image, ax=ax, label=label)  # type: ignore[union-attr]
