"""Everything about plugins as rows and as JSON."""

import json

import pytest

from topicforge.errors import PluginWarning
from topicforge.registry.report import report, report_json


def test_all_of_it_is_in_the_json(site, prior):
    site.add("good", "print('hi')\n" + prior("mine"), version="0.3")
    site.add("bad", "1 / 0")
    site.add("shut", prior("p"))
    with pytest.warns(PluginWarning):
        registry = site.registry(block=frozenset({"shut"}))
    read = json.loads(report_json(registry))
    assert read == report(registry)
    plugins = {row["distribution"]: row for row in read["plugins"]}
    assert {name: row["status"] for name, row in plugins.items()} == {
        "topicforge": "loaded",
        "bad": "broken",
        "good": "loaded",
        "shut": "blocked",
    }
    assert plugins["good"]["output"] == "hi\n"
    assert plugins["bad"]["error"] == "ZeroDivisionError: division by zero"
    assert "bad_module.py" in plugins["bad"]["traceback"]
    assert all(row["advice"] for row in plugins.values() if row["status"] != "loaded")
    (mine,) = [row for row in read["components"] if row["name"] == "mine"]
    assert mine == {
        "kind": "prior",
        "name": "mine",
        "qualified_name": "good:mine",
        "distribution": "good",
        "version": "0.3",
        "summary": "a test",
        "source": "a test",
        "options": {"scale": "1.0", "shift": "0.0"},
    }
    assert len(read["rules"]) == len(list(registry.rules))
    assert all(row["distribution"] == "topicforge" for row in read["rules"])
    assert {row["name"] for row in read["presets"]} >= {"w-lda", "etm", "gmntm"}
