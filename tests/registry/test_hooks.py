"""Hooks: every one documented with an example that runs; every way to get one wrong is said."""

import inspect
from textwrap import dedent

import pytest

from topicforge.registry import hookspecs
from topicforge.registry.hooks import HOOKS

# hook -> what its example brings
EXAMPLES = {
    "topicforge_register_encoders": ("encoder docs:linear", 0),
    "topicforge_register_links": ("link docs:tempered", 0),
    "topicforge_register_priors": ("prior docs:shifted", 0),
    "topicforge_register_divergences": ("divergence docs:mean-distance", 0),
    "topicforge_register_decoders": ("decoder docs:smoothed", 0),
    "topicforge_register_divergence_rules": (None, 1),
    "topicforge_register_presets": ("preset docs:sparse-w-lda", 0),
    "topicforge_register_regularisers": ("regulariser docs:small-decoder", 0),
    "topicforge_register_callbacks": ("callback docs:stop-at", 0),
    "topicforge_register_metrics": ("metric docs:effective_topics", 0),
}


def test_the_hooks_and_their_order():
    assert list(HOOKS) == list(EXAMPLES)


@pytest.mark.parametrize("hook", EXAMPLES)
def test_each_hooks_example_is_a_plugin_that_loads(site, hook):
    _, colons, example = inspect.getdoc(getattr(hookspecs, hook)).partition("Example::\n")
    assert colons
    site.add("docs", dedent(example), head="")
    record = site.registry().records[1]
    component, rules = EXAMPLES[hook]
    assert record.status == "loaded"
    assert record.components == (() if component is None else (component,))
    assert record.rules == rules


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            "def topicforge_register_prior(register): pass",
            "Did you mean 'topicforge_register_priors'",
        ),
        ("def topicforge_priors(register): pass", "is not a hook of topicforge"),
        (
            "def topicforg_register_priors(register): pass",
            "Did you mean 'topicforge_register_priors'",
        ),
        ("def topicforge_register_priors(registry): pass", r"its arguments are \(registry\)"),
        ("def topicforge_register_priors(): pass", r"its arguments are \(\)"),
        ("def topicforge_register_priors(register, more=1): pass", r"\(register, more\)"),
        ("def topicforge_register_priors(register): return [1]", r"must return nothing, got \[1\]"),
        (
            "def topicforge_register_priors(register): return False",
            "must return nothing, got False",
        ),
        ("def topicforge_register_priors(register): yield", "a coroutine or a generator"),
        ("async def topicforge_register_priors(register): pass", "a coroutine or a generator"),
        (
            "def topicforge_register_priors(register): register.link",
            "the verb .prior alone, no .link",
        ),
        ("def topicforge_register_priors(register): 1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_wrong_hook_is_said(site, source, says):
    site.add("wrong", f"@hookimpl\n{source}")
    record = site.record("wrong")
    assert record.status == "broken"
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(record.error)


@pytest.mark.parametrize("option", ["wrapper=True", "optionalhook=True"])
def test_hook_options_are_refused(site, option):
    body = "yield" if option.startswith("wrapper") else "pass"
    site.add("wrong", f"@hookimpl({option})\ndef topicforge_register_priors(register): {body}")
    assert "plain" in site.record("wrong").error


def test_another_function_under_a_hooks_name_is_refused(site):
    site.add(
        "wrong",
        "@hookimpl(specname='topicforge_register_priors')\ndef mine(register): pass",
    )
    assert "mine is not a hook" in site.record("wrong").error


def test_a_hook_without_its_mark(site):
    site.add("wrong", "def topicforge_register_priors(register): pass")
    assert "put @hookimpl" in site.record("wrong").error


def test_a_module_without_hooks(site):
    site.add("wrong", "x = 1")
    assert "implements no hook" in site.record("wrong").error


def test_objects_that_answer_to_every_name_are_no_hooks(site, prior):
    # torch.ops answers to any attribute, and so to the marker's
    site.add(
        "sound",
        "from torch import ops\nimport unittest.mock\nm = unittest.mock.Mock()\n" + prior("p"),
    )
    assert site.registry().records[1].status == "loaded"


def test_a_module_with_the_prefix_is_no_hook(site, prior):
    site.module("topicforge_helpers", "x = 1\n")
    site.add("sound", "import topicforge_helpers\n" + prior("p"))
    assert site.registry().records[1].status == "loaded"


def test_a_register_kept_for_later_says_that_it_is_over(site, prior):
    import sys

    from topicforge.errors import PluginError

    site.add("late", prior("mine") + "    global kept\n    kept = register\n")
    registry = site.registry()
    module = sys.modules["late_module"]
    with pytest.raises(PluginError, match="registration is over"):
        module.kept.prior("later", module.Mine, summary="a test", source="a test")
    assert [s.name for s in registry.components("prior")][-1] == "mine"
