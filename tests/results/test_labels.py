import numpy as np
import pytest

from topicforge.contracts import TopicSummary
from topicforge.results import Topics
from topicforge.results.labels import OFFLINE, label_topics, summaries

# "the" leads both topics; FREX puts what is a topic's own before it
TOPIC_WORD = np.array([[0.6, 0.3, 0.05, 0.05], [0.6, 0.05, 0.05, 0.3]], dtype=np.float32)
TOPICS = Topics(TOPIC_WORD, TOPIC_WORD, ("the", "ball", "rare", "vote"))
TEXTS = ["new york city marathon", "  ", "new york city hall", "tax law passed", "tax law vote"]
THETA = np.array([[0.9, 0.1], [1, 0], [0.8, 0.2], [0.1, 0.9], [0, 1]])


def test_what_is_told_of_a_topic():
    first, second = summaries(TOPICS, texts=TEXTS, theta=THETA)
    assert first.words == ("the", "ball", "rare", "vote")
    # "the" and "ball" are alike: 1 and 3/4 in frequency and the other way round in exclusivity
    assert first.distinctive == ("the", "ball", "rare", "vote")
    assert second.distinctive == ("the", "vote", "rare", "ball")
    # those with most of the topic come first, and those without words not at all
    assert first.documents[:2] == ("new york city marathon", "new york city hall")
    assert second.documents[:2] == ("tax law vote", "tax law passed")
    assert len(first.documents) == 4


def test_phrases_are_those_of_the_topic():
    first, second = summaries(TOPICS, texts=TEXTS, theta=THETA)
    # alike in score are "new york", "york city" and "new york city": the first by letters, of which the
    # longest is a part of the same, and "york city" shares no more than a word with it
    assert first.phrases == ("new york", "york city")
    assert second.phrases == ("tax law",)
    assert OFFLINE["phrases"](second) == "tax law"
    joined = summaries(TOPICS, texts=TEXTS, theta=THETA, joined_by="")
    assert joined[1].phrases == ("taxlaw",)


def test_labels_without_another_program():
    topic = TopicSummary(
        0, ("a", "b", "c", "d"), ("d", "c", "b", "a"), (), (f"\n{'x' * 90}\nmore",)
    )
    assert OFFLINE["words"](topic) == "a, b, c"
    assert OFFLINE["frex"](topic) == OFFLINE["phrases"](topic) == "d, c, b"
    assert OFFLINE["titles"](topic) == "x" * 79 + "…"


@pytest.mark.parametrize(
    ("answer", "label"),
    [("  Sport ", "Sport"), ('"Sport"', "Sport"), ("'", "'"), ("Ämter 体育", "Ämter 体育")],
)
def test_an_answer_is_cleaned(answer, label):
    told = summaries(TOPICS)
    assert label_topics(told[:1], lambda _: answer) == ({0: label}, {})


@pytest.mark.parametrize("answer", ["", '""', "two\nlines", "x" * 81, None, 3])
def test_a_broken_answer_names_its_topic_and_keeps_the_rest(answer):
    labels, failures = label_topics(summaries(TOPICS), lambda t: "Sport" if t.topic else answer)
    assert labels == {1: "Sport"}
    assert failures[0].startswith("InputError: a label must be ")


def test_what_a_labeler_raises_is_kept():
    def refuse(_):
        raise RuntimeError("no")

    assert label_topics(summaries(TOPICS)[1:], refuse) == ({}, {1: "RuntimeError: no"})
