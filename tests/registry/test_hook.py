"""The hook: every way to get it wrong is named."""

import gc
import sys

import pytest

from topicforge.errors import PluginError


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("def topicforge_registr(register): pass", "unknown hook 'topicforge_registr'"),
        ("def topicforge_register(registry): pass", r"topicforge_register\(register\).*registry"),
        ("def topicforge_register(register, more): pass", "Argument.*more"),
        ("def topicforge_register(register): return [1]", r"must return None, got \[1\]"),
        ("def topicforge_register(register): return False", "must return None, got False"),
        ("def topicforge_register(register): yield", "must return None, got <generator"),
        ("def topicforge_register(register): register.pryor", "Did you mean 'prior'"),
        ("def topicforge_register(register): 1 / 0", "ZeroDivisionError"),
    ],
)
def test_a_wrong_hook_is_named(site, source, says):
    site.add("wrong", f"@hookimpl\n{source}")
    record = site.record("wrong")
    assert record.status == "broken"
    with pytest.raises(AssertionError, match=says):
        raise AssertionError(record.error)


@pytest.mark.filterwarnings("ignore:coroutine")
def test_a_coroutine_is_refused(site):
    site.add("wrong", "@hookimpl\nasync def topicforge_register(register): pass")
    assert "must return None, got <coroutine" in site.record("wrong").error
    gc.collect()  # its warning that nothing awaited it belongs here, not to the next test


@pytest.mark.parametrize("source", ["x = 1", "def topicforge_register(register): pass"])
def test_a_module_without_a_marked_hook(site, source):
    site.add("wrong", source)
    assert "marked with @hookimpl; this module has no such function" in site.record("wrong").error


def test_objects_with_every_attribute_are_no_hooks(site, prior):
    # torch.ops has any attribute, and so the marker's
    site.add(
        "sound",
        "from torch import ops\nimport unittest.mock\nm = unittest.mock.Mock()\n" + prior("p"),
    )
    assert site.registry().records[1].status == "loaded"


def test_a_register_kept_for_later_is_closed(site, prior):
    site.add("late", prior("mine", "global kept", "kept = register"))
    registry = site.registry()
    module = sys.modules["late_module"]
    with pytest.raises(PluginError, match="registration is over"):
        module.kept.prior("later", module.Mine, summary="a test", source="a test")
    assert [s.name for s in registry.specs("prior")][-1] == "mine"
