"""Every finding, on distributions that deserve it."""

import json

import pytest

from topicforge.errors import UnknownNameError
from topicforge.registry.doctor import examine

PRIOR = """
class P(Prior):
    latent = Latent(DiagonalNormal)
    def distribution(self): ...

@hookimpl
def topicforge_register(register):
    register.prior("mine", P, summary="a test", source="a test")
"""


def only(site, distribution, **switches):
    (finding,) = examine(site.registry(**switches), distribution)
    assert finding.plugin.startswith(f"{distribution}:")
    assert finding.todo
    return finding


def test_a_healthy_plugin_has_no_finding(site):
    site.add("good", PRIOR)
    assert examine(site.registry()) == []


@pytest.mark.filterwarnings("ignore::topicforge.errors.PluginWarning")
@pytest.mark.parametrize(
    ("source", "head", "says"),
    [
        ("import there_is_no_such_module", None, "No module named 'there_is_no_such_module'"),
        ("raise RuntimeError('no luck')", None, "no luck"),
        ("import sys; sys.exit(3)", None, "exit"),
        (PRIOR.replace("_register(", "_registr("), None, "topicforge_registr"),
        (PRIOR, "from topicforge.plugin import *\nTOPICFORGE_API = 99\n", "99"),
        (PRIOR, "from topicforge.plugin import *\n", "TOPICFORGE_API"),
        (PRIOR.replace('"mine"', '"gaussian"'), None, "gaussian"),
    ],
    ids=["module", "raises", "exits", "misspelt", "newer", "no number", "taken name"],
)
def test_what_is_broken_comes_with_place_and_advice(site, source, head, says):
    site.add("bad", source, **({} if head is None else {"head": head}))
    finding = only(site, "bad")
    assert finding.severity == "broken"
    assert says in finding.what


@pytest.mark.filterwarnings("ignore::topicforge.errors.PluginWarning")
def test_the_line_of_an_import_error_is_the_plugins_own(site):
    site.add("bad", "\n\nimport there_is_no_such_module")
    assert "bad_module.py:5" in only(site, "bad").what


def test_what_it_prints_is_told(site):
    site.add("loud", "print('hello')\n" + PRIOR)
    finding = only(site, "loud")
    assert finding.severity == "warning"
    assert "print" in finding.what


def test_two_packages_with_one_name_are_told_how_to_write_it(site):
    site.add("one", PRIOR)
    site.add("two", PRIOR)
    found = examine(site.registry())
    assert [finding.severity for finding in found] == ["warning", "warning"]
    assert "two:mine" in found[0].what
    assert "one:mine" in found[1].what


def test_two_packages_with_one_entry_point_name_or_one_module(site):
    site.add("one", PRIOR, entry="same")
    site.add("two", PRIOR.replace('"mine"', '"other"'), entry="same")
    site.metadata("three", "1.0", "[topicforge]\nthree = one_module\n")
    found = {(finding.plugin, finding.what) for finding in examine(site.registry())}
    assert {name for name, what in found if "the name of one of" in what} == {
        "one:same",
        "two:same",
    }
    assert {name for name, what in found if "names the module 'one_module'" in what} == {
        "one:same", "three:three",
    }  # fmt: skip


def test_a_blocked_plugin_is_a_note(site):
    site.add("away", PRIOR)
    finding = only(site, "away", block=frozenset({"away"}))
    assert finding.severity == "note"
    assert "TOPICFORGE_PLUGINS_BLOCK" in finding.what


def requiring(site, *requirements):
    info = site.add("needy", PRIOR)
    text = "".join(f"Requires-Dist: {one}\n" for one in requirements)
    with (info / "METADATA").open("a") as file:
        file.write(text)


def test_requirements_that_are_kept_say_nothing(site):
    requiring(site, "torch>=2", "nothing-like-it; extra == 'test'", "other; python_version < '3'")
    assert examine(site.registry(), "needy") == []


@pytest.mark.parametrize(
    ("requirement", "what", "todo"),
    [
        ("nothing-like-it>=2", "requires nothing-like-it, which is not", "'nothing-like-it>=2'"),
        ("torch>=99", "requires torch>=99, but", "'torch>=99', or another version of needy"),
    ],
)
def test_requirements_that_are_not_kept(site, requirement, what, todo):
    requiring(site, requirement)
    finding = only(site, "needy")
    assert finding.severity == "warning"
    assert what in finding.what
    assert todo in finding.todo


def test_an_editable_install_whose_folder_is_gone(site, tmp_path):
    info = site.add("moved", PRIOR)
    told = {"url": f"file://{tmp_path}/a%20folder", "dir_info": {"editable": True}}
    (info / "direct_url.json").write_text(json.dumps(told))
    assert f"{tmp_path}/a folder, which is gone" in only(site, "moved").what
    (tmp_path / "a folder").mkdir()
    assert examine(site.registry(), "moved") == []


def test_what_is_broken_comes_first(site):
    site.add("a-loud", "print('hello')\n" + PRIOR)
    site.add("b-bad", "raise RuntimeError")
    with pytest.warns(Warning, match="b-bad"):
        registry = site.registry()
    assert [finding.severity for finding in examine(registry)] == ["broken", "warning"]


def test_an_unknown_name_is_named(site):
    site.add("good", PRIOR)
    with pytest.raises(UnknownNameError, match=r"no distribution called 'gopd'.*'good'"):
        examine(site.registry(), "gopd")
    with pytest.raises(UnknownNameError, match="pytest is installed, but declares no entry point"):
        examine(site.registry(), "pytest")
