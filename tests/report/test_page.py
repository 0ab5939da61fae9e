"""One file that connects to nothing, whatever a corpus holds."""

import base64
import hashlib
import json
import re
import sys
from html.parser import HTMLParser

import numpy as np
import pytest
import scipy.sparse as sp

from topicforge import TopicModel
from topicforge.corpus import Corpus, Counts
from topicforge.errors import InputError, MissingExtraError, OptionError
from topicforge.report.page import _read, as_json

pytest.importorskip("plotly", reason="needs the extra plot")

HOSTILE = ("<script>", "</script>", '"onload=', "<!--", "&lt;", "\u2028x", "{{script}}", "שלום")


class Elements(HTMLParser):
    """Elements with their attributes, and the texts of scripts."""

    def __init__(self, text):
        super().__init__()
        self.found, self.scripts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.found and self.found[-1][0] == "script":
            self.scripts[-1] += data  # it comes in pieces


def read(path):
    text = path.read_text(encoding="utf-8")
    elements = Elements(text)
    return text, elements, json.loads(elements.scripts[0])


@pytest.fixture(scope="module")
def hostile():
    """A model, counts and texts in which every word is markup."""
    counts = np.random.default_rng(0).poisson(1.0, (60, len(HOSTILE)))
    counts[:, 0] += 1
    model = TopicModel(n_topics=2, epochs=1, vocabulary=HOSTILE).fit(counts)
    texts = [f"{' '.join(HOSTILE)} \ud800 {n}" for n in range(60)]
    return model, counts, texts


def test_markup_in_words_texts_labels_and_names_stays_text(hostile, tmp_path):
    model, counts, texts = hostile
    bad = '</script><script>alert(1)</script><img src=x onerror="alert(2)">'
    output = model.report(
        counts, tmp_path / "r.html", texts=texts, labels=[bad, *[bad * 2] * 59], title=bad
    )
    text, elements, data = read(output)
    tags = [tag for tag, _ in elements.found]
    assert tags.count("script") == 3
    assert "img" not in tags
    assert not [
        name for _, attributes in elements.found for name in attributes if name.startswith("on")
    ]
    assert {*data["words"]} <= {*HOSTILE}
    assert data["documents"]["text"][0].startswith(" ".join(HOSTILE[:6]))
    assert data["title"] == bad
    assert "{{" not in text.partition('<script type="application/json"')[0]


def test_the_policy_allows_these_two_scripts_alone(hostile, tmp_path):
    model, counts, _ = hostile
    text, elements, _ = read(model.report(counts, tmp_path / "r.html"))
    policy = next(a["content"] for _, a in elements.found if "http-equiv" in a)
    assert policy.startswith("default-src 'none'; ")
    allowed = re.search("script-src ([^;]*)", policy)[1].split()
    digests = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in re.findall("<script>(.*?)</script>", text, re.DOTALL)
    ]
    assert digests == allowed
    links = [a for tag, a in elements.found if a.get("src") or tag in ("link", "iframe", "object")]
    assert links == []


def test_json_in_a_script_element_has_no_character_of_markup():
    text = as_json({"<b>": "a&b\u2028\u2029"})
    assert not {*text} & {*"<>&\u2028\u2029"}
    assert json.loads(text) == {"<b>": "a&b\u2028\u2029"}


def test_both_languages_say_everything_that_the_page_asks_for():
    messages = json.loads(_read("messages.json"))
    asked = {*re.findall(r"\{\{(\w+)\}\}", _read("report.html"))} - {
        "lang", "policy", "style", "data", "plotly", "script", "title",
    }  # fmt: skip
    spoken = re.findall(r"""said\.(\w+)|say\("(\w+)\"""", _read("report.js"))
    asked |= {name for pair in spoken for name in pair if name}
    for language, said in messages.items():
        assert asked - {*said} == set(), language
    # what the one has, the other has too; parts and terms have their English names in English
    assert {*messages["en"]} <= {*messages["zh"]}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_speaks_a_language(hostile, tmp_path, language):
    model, counts, _ = hostile
    text, elements, _ = read(model.report(counts, tmp_path / "r.html", language=language))
    assert elements.found[0] == ("html", {"lang": {"en": "en", "zh": "zh-Hans"}[language]})
    assert ("主题地图" in text) == (language == "zh")


def test_wrong_calls_are_one_sentence(hostile, tmp_path, monkeypatch):
    model, counts, texts = hostile
    for options, error, said in (
        ({"language": "fr"}, OptionError, "language must be one of en, zh, got 'fr'"),
        ({"documents": 0}, OptionError, "at least 1, got 0"),
        ({"texts": texts[:3]}, InputError, "texts must be one for each of the 60 documents, got 3"),
        ({"labels": ["a"]}, InputError, "labels must be one for each of the 60 documents, got 1"),
        ({"times": [1] * 60 + [2]}, InputError, "times must be one for each"),
    ):
        with pytest.raises(error, match=said):
            model.report(counts, tmp_path / "r.html", **options)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'topicforge\[plot\]'"):
        model.report(counts, tmp_path / "r.html")
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:TopicModel. .* documents are empty")
def test_odd_documents(tmp_path):
    rng = np.random.default_rng(0)
    counts = rng.poisson(0.5, (40, 12)).astype(np.float32)
    one = TopicModel(n_topics=1, epochs=1).fit(counts)
    _, _, data = read(one.report(counts, tmp_path / "one.html"))
    assert len(data["topics"]) == 1
    _, _, data = read(one.report(np.zeros((3, 12)), tmp_path / "empty.html"))
    assert data["documents"]["text"] == []
    assert {*data["figures"]} == {"topics", "hierarchy", "training"}
    _, _, data = read(one.report(counts, tmp_path / "none.html", labels=[None] * 40))
    assert "classes" not in data["figures"]


def test_a_corpus_brings_its_name_and_labels(tmp_path):
    counts = np.random.default_rng(0).poisson(0.8, (40, 6))
    corpus = Corpus(
        Counts.from_matrix(counts),
        tuple("abcdef"),
        tuple(["x", "y"] * 20),
        name="letters",
        description={"language": "en", "stop": ["a"]},
    )
    model = TopicModel(n_topics=2, epochs=1).fit(corpus)
    text, _, data = read(model.report(corpus, tmp_path / "r.html"))
    assert "<title>letters</title>" in text
    assert data["reproduce"]["call"].endswith("# corpus: letters\n#   language = 'en'")
    assert data["figures"]["classes"]["data"][0]["y"] == ["x", "y"]


def test_texts_are_shown_as_they_are(tmp_path):
    texts = ["the cat sat on the mat", "a dog and a cat", "dogs chase cats"] * 10
    model = TopicModel(n_topics=2, epochs=1).fit(texts)
    _, _, data = read(model.report(texts, tmp_path / "r.html"))
    assert data["documents"]["text"][:3] == texts[:3]
    long = ["word " * 300, *texts[1:]]
    _, _, data = read(model.report(texts, tmp_path / "r.html", texts=long))
    assert data["documents"]["text"][0] == "word " * 119 + "word …"


@pytest.mark.slow
def test_a_large_report_is_below_ten_megabytes(tmp_path):
    rng = np.random.default_rng(0)
    words = [f"word{v}" for v in range(3000)]
    columns = rng.integers(0, 3000, (20_000, 30))
    counts = sp.csr_matrix(
        (np.ones(600_000, np.float32), columns.ravel(), np.arange(0, 600_001, 30)), (20_000, 3000)
    )
    counts.sum_duplicates()
    model = TopicModel(n_topics=100, epochs=1, vocabulary=words).fit(counts)
    # 600 characters of three bytes each
    texts = ["文" * 700] * 20_000
    output = model.report(counts, tmp_path / "r.html", texts=texts, labels=["a", "b"] * 10_000)
    assert output.stat().st_size < 10e6
