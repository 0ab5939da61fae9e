"""The pictures: what is on the Axes and in the figures, what words may hold, what may be missing."""

import io
import subprocess
import sys
import warnings

import numpy as np
import pytest

from topicforge import TopicModel, plot
from topicforge.errors import InputError, MissingExtraError, OptionError
from topicforge.plot import fonts
from topicforge.results import Topics, correlation, topics_over_time, topics_per_class

pytest.importorskip("matplotlib", reason="needs the extra plot")
pytest.importorskip("plotly", reason="needs the extra plot")
interactive = plot.interactive

# words that mathtext, Plotly and HTML would read as markup, and one that reads from right to left
WORDS = ("$\\frac{$", "<b>bold</b>", "مرحبا", "plain")
ROWS = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4], [0.25, 0.25, 0.25, 0.25]], np.float32)
THETA = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7], [0.3, 0.3, 0.4]])
TOPICS = Topics(ROWS, ROWS, WORDS, share=np.array([0.5, 0.3, 0.2]))
CLASSES = topics_per_class(TOPICS, THETA, ["$a$", "b", "b", "b"])


@pytest.fixture(scope="module")
def model(planted):
    return TopicModel(n_topics=3, epochs=2).fit(planted[0])


def every(module, model):
    """Each plot, by name."""
    return {
        "top_words": lambda **o: module.top_words(TOPICS, 1, top=3, **o),
        "topic_map": lambda **o: module.topic_map(TOPICS, **o),
        "document_map": lambda **o: module.document_map(TOPICS, THETA, labels=["a", "a", "b", None], **o),
        "theta_by_label": lambda **o: module.theta_by_label(CLASSES, **o),
        "per_class": lambda **o: module.per_class(CLASSES, **o),
        "over_time": lambda **o: module.over_time(
            topics_over_time(TOPICS, THETA, ["2020-01", "2020-01", "2021-05", "2022-12"]), **o
        ),
        "correlation": lambda **o: module.correlation(correlation(THETA), **o),
        "hierarchy": lambda **o: module.hierarchy(TOPICS, **o),
        "training": lambda **o: module.training(model, **o),
        "scores": lambda **o: module.scores([5, 10], [0.1, 0.2], deviations=[0.01, 0.02], **o),
    }  # fmt: skip


NAMES = [
    "top_words", "topic_map", "document_map", "theta_by_label", "per_class", "over_time",
    "correlation", "hierarchy", "training", "scores",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_plot_can_be_saved_and_takes_axes(model, name):
    from matplotlib.figure import Figure

    given = Figure().subplots()
    for ax in (every(plot, model)[name](), every(plot, model)[name](ax=given)):
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")
            for kind in ("png", "svg"):
                ax.figure.savefig(io.BytesIO(), format=kind)
    assert ax is given


@pytest.mark.parametrize("name", NAMES)
def test_every_plot_is_a_plotly_figure_too(model, name):
    figure = every(interactive, model)[name]()
    assert figure.data
    # nothing that a word holds is read as markup
    assert "<b>bold" not in figure.to_json().replace("\\u003c", "<")


def test_the_plots_and_the_public_names_agree():
    assert {*NAMES, "interactive", "to_pyldavis"} == set(plot.__all__)
    with pytest.raises(AttributeError, match="no attribute 'maps'"):
        _ = plot.maps


def test_bars_are_the_probabilities_of_the_best_words():
    ax = plot.top_words(TOPICS, 1, top=3)
    assert [text.get_text() for text in ax.get_yticklabels()] == ["plain", "مرحبا", "<b>bold</b>"]
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([0.4, 0.3, 0.2])
    bars = interactive.top_words(TOPICS, 1, top=3).data[0]
    assert bars.y == ("plain", "مرحبا", "&lt;b&gt;bold&lt;/b&gt;")
    assert bars.x == pytest.approx([0.4, 0.3, 0.2])
    with pytest.raises(OptionError, match="numbered 0 to 2, got 3"):
        plot.top_words(TOPICS, 3)


def test_places_can_be_others():
    places = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
    assert (
        plot.topic_map(TOPICS, places=places).collections[0].get_offsets().tolist()
        == places.tolist()
    )
    assert interactive.topic_map(TOPICS, places=places).data[0].x.tolist() == [0.0, 2.0, 4.0]
    dots = interactive.document_map(TOPICS, np.eye(3), labels=["a"] * 3, places=places).data[0]
    assert dots.y.tolist() == [1.0, 3.0, 5.0]
    with pytest.raises(InputError, match=r"places must be \(3, 2\), got \(2, 2\)"):
        plot.topic_map(TOPICS, places=places[:2])


def test_areas_are_shares():
    areas = plot.topic_map(TOPICS).collections[0].get_sizes()
    assert areas / areas.sum() == pytest.approx([0.5, 0.3, 0.2])
    sizes = interactive.topic_map(TOPICS).data[0].marker.size
    assert np.asarray(sizes) == pytest.approx([0.5, 0.3, 0.2])


def test_the_heat_map_is_the_mean_of_each_label():
    mean = [[0.8, 0.1, 0.1], [0.2, 0.4, 0.4]]
    assert np.asarray(plot.theta_by_label(CLASSES).images[0].get_array()) == pytest.approx(
        np.array(mean)
    )
    assert np.asarray(interactive.theta_by_label(CLASSES).data[0].z) == pytest.approx(
        np.array(mean)
    )


def test_the_diagonal_of_a_correlation_is_left_out():
    shown = np.ma.filled(plot.correlation(correlation(THETA)).images[0].get_array(), np.nan)
    assert np.isnan(np.diagonal(shown)).all()
    assert np.isfinite(shown).sum() == 6


def test_one_topic_and_one_document_can_be_drawn():
    one = Topics(np.ones((1, 1), np.float32), np.ones((1, 1), np.float32), ("word",))
    for module in (plot, interactive):
        module.topic_map(one)
        module.hierarchy(one)
        module.correlation(correlation(np.ones((1, 1))))
        module.document_map(one, np.ones((1, 1)))


def test_a_model_that_was_not_trained_has_no_curves(model, monkeypatch):
    monkeypatch.setattr(model, "history_", [])
    with pytest.raises(InputError, match="at least one epoch"):
        plot.training(model)


def test_east_asian_words_get_a_font_or_a_warning(monkeypatch):
    from matplotlib import font_manager

    class Font:
        name = "WenQuanYi Micro Hei"

    monkeypatch.setattr(font_manager.fontManager, "ttflist", [Font])
    assert fonts.families(["plain"]) == ["sans-serif"]
    assert fonts.families(["音乐"]) == ["sans-serif", "WenQuanYi Micro Hei"]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [])
    with pytest.warns(UserWarning, match="fonts-noto-cjk"):
        assert fonts.families(["音乐"]) == ["sans-serif"]


def test_missing_libraries_are_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'topicforge\[plot\]'"):
        plot.topic_map(TOPICS)
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'topicforge\[plot\]'"):
        interactive.topic_map(TOPICS)


def test_no_window_is_opened_and_nothing_is_imported_before_it_is_used():
    code = (
        "import io, sys\n"
        "from topicforge import plot\n"
        "assert not {'matplotlib', 'plotly', 'numpy'} & set(sys.modules)\n"
        "import numpy as np\n"
        "from topicforge.results import Topics\n"
        "one = np.eye(3, dtype=np.float32)\n"
        "plot.topic_map(Topics(one, one, ('a', 'b', 'c'))).figure.savefig(io.BytesIO())\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_what_pyldavis_takes(planted):
    counts = planted[0].copy()
    counts.data[counts.indptr[7] : counts.indptr[8]] = 0
    counts.eliminate_zeros()
    words = [f"w{v}" for v in range(counts.shape[1])]
    model = TopicModel(n_topics=3, epochs=1, vocabulary=words).fit(planted[0])
    given = plot.to_pyldavis(model, counts)
    assert given["topic_term_dists"].shape == (3, 30)
    assert given["doc_topic_dists"].sum(1) == pytest.approx(np.ones(299), abs=1e-12)
    assert given["doc_lengths"].tolist() == [40] * 299
    assert given["term_frequency"] == pytest.approx(np.asarray(counts.sum(0)).ravel())
    assert given["vocab"] == words
    pyldavis = pytest.importorskip("pyLDAvis", reason="pyLDAvis is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, of pandas
        prepared = pyldavis.prepare(**given, n_jobs=1)
    assert sorted(prepared.topic_order) == [1, 2, 3]
    with pytest.raises(InputError, match="must have a word"):
        plot.to_pyldavis(model, counts[[7]])
