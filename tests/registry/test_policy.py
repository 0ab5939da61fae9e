"""The three environment variables."""

import pytest

from topicforge.errors import PluginError, PluginWarning
from topicforge.registry import PluginPolicy


def read(**values):
    return PluginPolicy.from_environment({f"TOPICFORGE_PLUGINS_{k}": v for k, v in values.items()})


def statuses(registry):
    return {r.distribution: r.status for r in registry.records}


def test_nothing_set():
    assert PluginPolicy.from_environment({}) == PluginPolicy(False, None, frozenset())


@pytest.mark.parametrize(("text", "on"), [("1", True), ("true", True), ("0", False), ("", False)])
def test_strict(text, on):
    assert read(STRICT=text).strict is on


def test_strict_is_neither_on_nor_off():
    with pytest.raises(PluginError, match="TOPICFORGE_PLUGINS_STRICT must be 0 or 1, got 'maybe'"):
        read(STRICT="maybe")


@pytest.mark.parametrize("name", ["topicforge", "builtin", "other, TopicForge"])
def test_the_built_in_cannot_be_blocked(name):
    with pytest.raises(PluginError, match="TOPICFORGE_PLUGINS_BLOCK: the built-in plugin can't"):
        read(BLOCK=name)


@pytest.mark.parametrize("name", ["my-pack", "My_Pack", "entry"])
def test_block_by_distribution_or_entry_point(site, prior, name):
    site.add("my-pack", "raise RuntimeError('must not even be imported')", entry="entry")
    site.add("other", prior("p"))
    switches = read(BLOCK=f" {name} ,")
    registry = site.registry(block=switches.block)
    assert statuses(registry) == {"topicforge": "loaded", "my-pack": "blocked", "other": "loaded"}
    assert registry.records[1].advice == "take it out of TOPICFORGE_PLUGINS_BLOCK"


def test_allow(site, prior):
    site.add("one", prior("p"))
    site.add("two", prior("q"))
    registry = site.registry(allow=read(ALLOW="two").allow)
    assert statuses(registry) == {"topicforge": "loaded", "one": "blocked", "two": "loaded"}
    assert registry.records[1].advice == "add it to TOPICFORGE_PLUGINS_ALLOW"


def test_allow_none(site, prior):
    site.add("one", prior("p"))
    assert statuses(site.registry(allow=read(ALLOW="").allow)) == {
        "topicforge": "loaded",
        "one": "blocked",
    }


def test_block_wins_over_allow(site, prior):
    site.add("one", prior("p"))
    switches = read(ALLOW="one", BLOCK="one")
    registry = site.registry(allow=switches.allow, block=switches.block)
    assert statuses(registry)["one"] == "blocked"


def test_a_name_that_nothing_installed_has_is_said(site, prior):
    site.add("my-pack", prior("p"))
    with pytest.warns(PluginWarning, match="BLOCK names 'my-pakc'.*Did you mean 'my-pack'"):
        site.registry(block=frozenset({"my-pakc"}))
