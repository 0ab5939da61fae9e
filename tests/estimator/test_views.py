"""A model as a notebook shows it."""

from html.parser import HTMLParser

import numpy as np
import pytest

from topicforge import TopicModel


class Cells(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.cells = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data):
        if self.cells:
            self.cells[-1] += data


def test_a_fitted_model_shows_composition_loss_and_topics():
    words = ["<script>alert(1)</script>", '"onload=', "&amp;", "plain"]
    counts = np.random.default_rng(0).poisson(1.0, (30, 4)) + 1
    model = TopicModel(n_topics=2, epochs=2, vocabulary=words).fit(counts)
    shown = Cells(model._repr_html_())
    assert "script" not in {tag for tag, _ in shown.tags}
    assert [at["title"] for tag, at in shown.tags if tag == "b"] == [
        "encoder", "link", "prior", "divergence", "decoder",
    ]  # fmt: skip
    assert {"loss", "2/2", "share"} <= {*shown.cells}
    for topic in model.topics(4):
        assert " ".join(topic) in shown.cells
    bundle = model._repr_mimebundle_()
    assert bundle["text/html"] == model._repr_html_()
    assert bundle["text/plain"] == repr(model)


def test_without_a_fit_the_composition_alone_is_shown():
    assert "not fitted" in TopicModel("w-lda")._repr_html_()
    assert "mlp-point" in TopicModel("w-lda")._repr_html_()
    wrong = TopicModel(prior="<b>gaussain")._repr_html_()
    assert "&lt;b&gt;gaussain" in wrong
    assert "<b>" not in wrong


def test_the_table_of_many_topics_ends(lda_corpus):
    model = TopicModel(n_topics=60, epochs=1).fit(lda_corpus(80, 70, 3, 40, seed=0)[0])
    shown = model._repr_html_()
    assert "and 10 more" in shown
    assert shown.count("<tr>") == pytest.approx(50 + 3)
