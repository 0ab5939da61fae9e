"""Labelers of topics as a kind of plugin."""

import pytest

from topicforge.errors import PluginError
from topicforge.registry.register import Register


def name(topic, *, unit="words"):
    return f"{len(topic.words)} {unit}"


def test_a_labeler_is_registered_with_its_options():
    register = Register("topicforge-mine", "1.0")
    register.labeler("counter", name, summary="counts words")
    (spec,) = register.specs
    assert (spec.kind, spec.qualified_name, spec.version) == (
        "labeler",
        "topicforge-mine:counter",
        "1.0",
    )
    assert spec.options == {"unit": "words"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("My_Labels", name), "kebab-case"),
        (("mine", "name"), "the labeler must be a function"),
        (("mine", lambda: ""), "must take the TopicSummary, then options"),
        (("mine", lambda topic, n: ""), "must take the TopicSummary, then options"),  # noqa: ARG005
    ],
)
def test_what_is_no_labeler(given, said):
    with pytest.raises(PluginError, match=said):
        Register("topicforge-mine", "1.0").labeler(*given, summary="mine")
    with pytest.raises(PluginError, match="summary must be a text"):
        Register("topicforge-mine", "1.0").labeler("mine", name, summary=" ")
