"""What a fit shows while it runs, and that looking changes nothing."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from topicforge import TopicModel
from topicforge.contracts import Callback


class Words(Callback):
    def __init__(self):
        self.seen = []

    def on_fit_start(self, start):
        self.start = start

    def on_epoch_end(self, report):
        del report
        self.seen.append(self.start.top_words(2, 3))


# prodlda's decoder has batch norm, whose statistics a look in training mode would move
@pytest.mark.parametrize("preset", ["prodlda", "etm", None])
def test_looking_at_words_changes_nothing(planted, preset):
    counts, _ = planted
    words = [f"w{v}" for v in range(counts.shape[1])]
    options = {"n_topics": 3, "epochs": 2, "vocabulary": words}
    watched = Words()
    with_look = TopicModel(preset, callbacks=[watched], **options).fit(counts)
    without = TopicModel(preset, **options).fit(counts)
    assert np.array_equal(with_look.topic_word_, without.topic_word_)
    assert [[len(topic) for topic in seen] for seen in watched.seen] == [[3, 3], [3, 3]]
    assert set(watched.seen[-1][0]) <= set(words)


def test_the_words_are_the_decoder_s_best(planted):
    counts, _ = planted
    watched = Words()
    model = TopicModel("etm", n_topics=3, epochs=1, callbacks=[watched]).fit(counts)
    best = np.argsort(-model.topic_word_, axis=1)[:2, :3]
    assert watched.seen == [[[str(v) for v in row] for row in best]]


def test_verbose_prints_a_line_per_epoch(planted, capsys):
    TopicModel(n_topics=2, epochs=2, verbose=True).fit(planted[0])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines] == ["train 1/2", "train 2/2"]


def test_in_a_notebook_one_table_is_drawn_anew(planted, capsys, monkeypatch):
    drawn = []
    handle = SimpleNamespace(update=drawn.append)

    def display(page, display_id):
        assert display_id is True
        drawn.append(page)
        return handle

    shell = SimpleNamespace(kernel=object())
    fake = SimpleNamespace(HTML=str, display=display)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setitem(sys.modules, "IPython.display", fake)
    words = ["<script>", *(f"w{v}" for v in range(planted[0].shape[1] - 1))]
    TopicModel(n_topics=2, epochs=3, verbose=True, vocabulary=words).fit(planted[0])
    assert capsys.readouterr().out == ""
    assert len(drawn) == 3
    assert "train epoch" in drawn[-1]
    assert "3/3" in drawn[-1]
    assert drawn[-1].count("<div>") == 2
    assert "<script>" not in "".join(drawn)
