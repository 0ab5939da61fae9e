import pytest

from topicforge import TopicModel
from topicforge.contracts import LabelerSpec
from topicforge.errors import InputError, OptionError, UnknownNameError
from topicforge.registry import default_registry

TEXTS = ["home team ball game", "ball game score", "vote party law", "law vote senate"] * 10


@pytest.fixture
def model():
    return TopicModel(n_topics=2, epochs=30, seed=0, vectorizer="any").fit(TEXTS)


def test_own_labels_and_back(model):
    before = model.label_topics({0: "first"})
    assert before[0] == model.topic_table()[0].label == "first"
    model.edits.undo()
    assert model.topic_table()[0].label == ", ".join(model.topics(3)[0])


def test_automatic_labels(model):
    assert model.label_topics("words") == [", ".join(words) for words in model.topics(3)]
    phrases = model.label_topics("phrases", TEXTS)
    assert sorted("ball game" in label for label in phrases) == [False, True]
    titles = model.label_topics("titles", TEXTS)
    assert set(titles) <= set(TEXTS)
    assert model.label_topics("frex") == [row.label for row in model.topic_table()]
    assert len(model.edits) == 4
    for name in ("phrases", "titles"):
        with pytest.raises(InputError, match=f"'{name}' needs texts"):
            model.label_topics(name)


def test_a_function_and_a_topic_that_it_fails_for(model):
    def shout(topic):
        if topic.topic == 1:
            raise ValueError("no idea")
        return topic.words[0].upper()

    with pytest.warns(UserWarning, match=r"1 of 2 topics keep .* \(topic 1: ValueError: no idea\)"):
        labels = model.label_topics(shout)
    assert labels == [model.topics(1)[0][0].upper(), ", ".join(model.topics(3)[1])]


def test_a_plugins_labeler(model, monkeypatch):
    def count(topic, *, unit="words"):
        return f"{len(topic.words)} {unit}"

    spec = LabelerSpec("counter", count, summary="counts words")
    monkeypatch.setitem(default_registry()._named["labeler"], "counter", [spec])
    n_words = min(10, len(model.vocabulary_))
    assert model.label_topics(("counter", {"unit": "terms"})) == [f"{n_words} terms"] * 2
    with pytest.raises(UnknownNameError, match=r"no option 'units'\. Did you mean 'unit'"):
        model.label_topics(("counter", {"units": "x"}))
    with pytest.raises(
        UnknownNameError, match=r"no labeler is called 'frexx'.*Built in are words, frex"
    ):
        model.label_topics("frexx")
    with pytest.raises(
        OptionError, match=r"must be \{topic: label\}, a function, or a labeler's name"
    ):
        model.label_topics(3)
