"""Metrics are registered like components: checked, named, listed, and never silently wrong."""

import json
import math

import numpy as np
import pytest
import scipy.sparse as sp

from topicforge import list_components
from topicforge.errors import InputError, OptionError, PluginError, UnknownNameError
from topicforge.evaluation import METRICS, MetricInput, MetricSpec, Score, evaluate
from topicforge.registry import default_registry
from topicforge.registry.register import Register
from topicforge.registry.report import report

TOPICS = [["a", "b", "c"], ["c", "d", "e"]]
BOW = sp.csr_array(np.array([[1, 2, 0, 0, 0], [0, 1, 3, 0, 0], [0, 0, 1, 1, 1]]))
SMALL = {"bow": BOW, "vocabulary": list("abcde"), "top": 3}
HOOK = "@hookimpl\ndef topicforge_register(register):\n    register.metric("
WORDS = 'summary="a test", source="a page")\n'


def plugin(body, name="mine", more=""):
    return f"def mine(given, *, add=0.0):\n    {body}\n{HOOK}'{name}', mine, {more}{WORDS}"


def test_the_built_in_metrics_come_through_the_hook():
    registry = default_registry()
    own = [m for m in registry.specs("metric") if m.distribution == "topicforge"]
    assert [m.name for m in own] == list(METRICS)
    assert all(m.function is METRICS[m.name].function and m.version for m in own)
    assert list_components("metric") == registry.specs("metric")
    rows = {row["qualified_name"]: row for row in report(registry)["metrics"]}
    assert rows["topicforge:perplexity"]["needs"] == [
        "completion|transform", "completion|topic_word", "heldout|halves",
    ]  # fmt: skip
    assert rows["topicforge:td"]["options"] == {"top": "25"}


def test_through_the_registry_the_scores_are_the_same(site):
    assert dict(evaluate(TOPICS, **SMALL, registry=site.registry())) == dict(
        evaluate(TOPICS, **SMALL)
    )


def test_a_packages_metric_is_computed_by_name_with_its_options(site):
    site.add(
        "good", plugin("return add + given.bow.sum() / len(given.words)", more="needs=('bow',),")
    )
    registry = site.registry()
    asked = ["mine", "td", ("good:mine", {"add": 1.5})]
    scores = evaluate(TOPICS, **SMALL, metrics=asked, registry=registry, reference="toy")
    assert scores.values_only() == {"mine": 5.0, "td": 5 / 6, "good:mine": 6.5}
    assert scores["mine"] == Score("mine", 5.0, None, "toy", None, None, "a test", "a page")
    assert "mine" in evaluate(TOPICS, **SMALL, registry=registry)
    assert evaluate(TOPICS, registry=registry, top=3).skipped["mine"] == "needs bow"
    (record,) = [r for r in registry.records if r.distribution == "good"]
    assert record.components == ("metric good:mine",)
    assert record.notes == ()
    with pytest.raises(InputError, match="'mine' needs bow"):
        evaluate(TOPICS, metrics="mine", registry=registry)


def test_a_score_that_a_metric_returns_is_kept_whole(site):
    body = "return Score('x', math.inf, (1.0, 2.0), 'toy', 'document', given.top, 'r', 's')"
    site.add("good", "import math\n" + plugin(body))
    scores = evaluate(TOPICS, top=3, metrics="mine", registry=site.registry())
    assert scores["mine"] == Score("mine", math.inf, (1.0, 2.0), "toy", "document", 3, "r", "s")


def test_two_packages_with_one_metric_name(site):
    site.add("one", plugin("return 1.0"))
    site.add("two", plugin("return 2"))
    registry = site.registry()
    with pytest.raises(UnknownNameError, match="write one of 'one:mine', 'two:mine'"):
        evaluate(TOPICS, metrics="mine", registry=registry)
    everything = evaluate(TOPICS, **SMALL, registry=registry).values_only()
    assert (everything["one:mine"], everything["two:mine"]) == (1, 2)
    assert "shared with two:mine" in registry.records[1].notes[0]


def test_unknown_names_and_options_suggest_the_nearest(site):
    site.add("good", plugin("return 1.0"))
    registry = site.registry()
    with pytest.raises(UnknownNameError, match=r"no metric is called 'mina'\. Did you mean 'mine'"):
        evaluate(TOPICS, metrics="mina", registry=registry)
    with pytest.raises(UnknownNameError, match=r"no option is called 'ad'\. Did you mean 'add'"):
        evaluate(TOPICS, metrics=[("mine", {"ad": 1})], registry=registry)
    with pytest.raises(
        UnknownNameError, match=r"registry=topicforge.registry.default_registry\(\)"
    ):
        evaluate(TOPICS, metrics="mine")
    with pytest.raises(OptionError, match=r"in a list, got \{'add': 1\} among them"):
        evaluate(TOPICS, metrics=("mine", {"add": 1}), registry=registry)
    with pytest.raises(OptionError, match="requested twice, with different options"):
        evaluate(TOPICS, metrics=["mine", ("mine", {"add": 1})], registry=registry)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("return 1 / 0", "ZeroDivisionError"),
        ("return float('nan')", "got nan"),
        ("return None", "got None"),
        ("return True", "got True"),
        ("return 'high'", "got 'high'"),
        ("raise InputError('too few')", "too few"),
        ("return given.labels[0]", "labels was not given; a metric that reads it must say so"),
    ],
)
def test_a_metric_that_fails_leaves_the_other_scores(site, body, says):
    site.add("bad", plugin(body), version="0.7")
    registry = site.registry()
    scores = evaluate(TOPICS, **SMALL, registry=registry)
    assert dict(scores) == dict(evaluate(TOPICS, **SMALL))
    assert says in scores.skipped["mine"]
    with pytest.raises((PluginError, InputError), match=says) as caught:
        evaluate(TOPICS, metrics="mine", registry=registry)
    if isinstance(caught.value, PluginError):
        assert "metric 'bad:mine' 0.7" in str(caught.value)


def test_a_built_ins_name_cannot_be_taken(site):
    site.add("thief", plugin("return 1.0", name="npmi"))
    assert "metric 'npmi' is the name of a built-in" in site.record("thief").error


def test_a_metric_that_is_not_registered_yet_can_be_tried():
    mine = MetricSpec("mine", lambda given: len(given.topics), summary="topics", source="a page")
    assert evaluate(TOPICS, metrics=[mine]).values_only() == {"mine": 2}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"name": "my-metric"}, "must be snake_case"),
        ({"name": "Mine"}, "must be snake_case"),
        ({"name": 3}, "must be snake_case"),
        ({"summary": " "}, "summary must be a text that is not empty"),
        ({"needs": ("bows",)}, "no input is called 'bows'. Did you mean 'bow'"),
        ({"needs": "bow"}, "needs must be a tuple of names of inputs, got 'bow'"),
        ({"higher_is_better": "yes"}, "must be True, False or None, got 'yes'"),
        ({"function": 3}, "must be a function, got 3"),
        ({"function": lambda: 1}, r"its signature is \(\)"),
        ({"function": lambda _a, _b: 1}, r"its signature is \(_a, _b\)"),
        ({"function": lambda _a, **_b: 1}, r"its signature is \(_a, \*\*_b\)"),
        ({"function": lambda _a, *, _b: 1}, r"its signature is \(_a, \*, _b\)"),
    ],
)
def test_a_wrong_registration_is_refused_at_its_line(arguments, says):
    register = Register("mine", "1.0")
    good = {"name": "mine", "function": lambda _: 1, "summary": "s", "source": "s", "needs": ()}
    with pytest.raises(PluginError, match=says):
        register.metric(**(good | arguments))
    assert register.specs == []
    register.metric(**good)
    with pytest.raises(PluginError, match="registered that metric already"):
        register.metric(**good)


def test_the_input_is_checked_when_it_is_read_and_shared():
    given = MetricInput(TOPICS, bow=BOW.toarray(), vocabulary=list("abcde"), theta=[[2.0]], top=2)
    assert sp.issparse(given.bow)
    assert given.bow is given.bow
    assert given.words == (("a", "b"), ("c", "d"))
    # a and b are together in the first document alone; b is in two
    assert given.cooccurrence.among(("a", "b")).tolist() == [[1, 1], [1, 2]]
    with pytest.raises(InputError, match="row 0 sums to 2"):
        given.theta  # noqa: B018
    assert not given.has("labels")
    made = []
    assert [given.once(("mine", 1), lambda: made.append(1) or len(made)) for _ in range(2)] == [
        1,
        1,
    ]


def test_the_scores_of_a_package_are_strict_json(site):
    site.add("good", "import numpy as np\n" + plugin("return np.float32(0.5)"))
    scores = evaluate(TOPICS, top=3, metrics="mine", registry=site.registry())
    assert json.loads(scores.to_json())["scores"]["mine"]["value"] == 0.5
