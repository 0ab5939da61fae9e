"""Names -> specs: suggestions, shared names, names that can't be taken."""

import pytest

from topicforge.errors import PluginError, PluginWarning, UnknownNameError
from topicforge.registry import Registry

PRESET = 'register.preset("{name}", {{"prior": "gaussian"}}, summary="a test", source="a test")'
FAR = """
class Far(Divergence):
    def resolve(self, pair):
        raise MixError("never")
"""
DIVERGENCE = 'register.divergence("far", Far, summary="a test", source="a test")'
RULE = """
    register.divergence_rule(
        "{divergence}", Rule(kl, "bound", "z", "a test", "a test"),
        posterior={posterior}, prior={prior})
"""
KL = "def kl(q, p, samples): return q\n"


def test_short_and_qualified_names(site, prior):
    site.add("pack", prior("mine"))
    registry = site.registry()
    assert registry.find("prior", "mine") is registry.find("prior", "pack:mine")
    assert registry.find("prior", "topicforge:gmm") is registry.find("prior", "gmm")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("gausian", "no prior is called 'gausian'. Did you mean 'gaussian'?"),
        ("topicforge:gausian", "Did you mean 'topicforge:gaussian'"),
        ("pack:gaussian", "There are: {all}."),
        ("zzzzz", "There are: {all}."),
        ("", "no prior is called ''"),
        (None, "must be a text, got None"),
    ],
)
def test_an_unknown_name(site, name, says):
    registry = site.registry()
    names = sorted(spec.name for spec in registry.specs("prior"))
    with pytest.raises(UnknownNameError) as caught:
        registry.find("prior", name)
    assert says.format(all=", ".join(names)) in str(caught.value)
    assert {"dirichlet", "gaussian", "gmm"} <= set(names)


def test_an_unknown_kind(site):
    with pytest.raises(UnknownNameError, match="Did you mean 'prior'"):
        site.registry().specs("priors")


def test_an_unknown_preset(site):
    with pytest.raises(
        UnknownNameError, match=r"no preset is called 'w-ldaa'. Did you mean 'w-lda'"
    ):
        site.registry().find("preset", "w-ldaa")


def test_an_unknown_name_mentions_plugins_that_did_not_load(site, prior):
    site.add("bad", "import no_such_library")
    site.add("shut", prior("mine"))
    with pytest.warns(PluginWarning):
        registry = site.registry(block=frozenset({"shut"}))
    with pytest.raises(UnknownNameError) as caught:
        registry.find("prior", "mine")
    assert "bad:bad 1.0 (broken: ModuleNotFoundError: No module named 'no_such_library')" in str(
        caught.value
    )
    assert "shut:shut 1.0 (blocked" in str(caught.value)


def test_one_short_name_of_two_packages_must_be_qualified(site, prior):
    site.add("first", prior("mine", PRESET.format(name="shared")))
    site.add("second", prior("mine", PRESET.format(name="shared")))
    registry = site.registry()
    for kind, name in (("prior", "mine"), ("preset", "shared")):
        with pytest.raises(UnknownNameError, match=f"'first:{name}', 'second:{name}'"):
            registry.find(kind, name)
        assert registry.find(kind, f"first:{name}").distribution == "first"
        assert registry.find(kind, f"second:{name}").distribution == "second"
    notes = [record.notes for record in registry.records[1:]]
    assert [len(n) for n in notes] == [2, 2]
    assert "write 'second:mine'" in notes[1][0]


def test_one_name_in_two_kinds_is_no_clash(site, prior, hook):
    site.add("first", prior("far"))
    site.add("second", FAR + hook(DIVERGENCE))
    registry = site.registry()
    assert registry.find("prior", "far").distribution == "first"
    assert registry.find("divergence", "far").distribution == "second"


def test_a_built_ins_name_cannot_be_taken(site, prior):
    # "aaa" sorts before "topicforge": the built-ins still come first
    site.add("aaa", prior("gaussian"))
    assert "is the name of a built-in" in site.record("aaa").error


def test_a_built_in_presets_name_cannot_be_taken(site, prior):
    site.add("aaa", prior("mine", PRESET.format(name="w-lda")))
    assert "preset 'w-lda' is the name of a built-in" in site.record("aaa").error


def test_two_plugins_of_one_package_with_one_name(site, prior):
    site.module("one_module", "from topicforge.plugin import *\nTOPICFORGE_API = 1\n" + prior("p"))
    site.module("two_module", "from topicforge.plugin import *\nTOPICFORGE_API = 1\n" + prior("p"))
    site.metadata("pack", "1.0", "[topicforge]\none = one_module\ntwo = two_module\n")
    with pytest.warns(
        PluginWarning, match="'pack:p' is registered by another plugin of pack already"
    ):
        registry = site.registry()
    assert [r.status for r in registry.records] == ["loaded", "loaded", "broken"]
    assert registry.find("prior", "p").distribution == "pack"


def test_strict(site):
    site.add("bad", "1 / 0")
    with pytest.raises(
        PluginError, match=r"TOPICFORGE_PLUGINS_STRICT.*bad:bad 1.0.*ZeroDivisionError"
    ):
        site.registry(strict=True)


def test_strict_lets_sound_and_blocked_plugins_pass(site, prior):
    site.add("bad", "1 / 0")
    site.add("good", prior("p"))
    registry = site.registry(strict=True, block=frozenset({"bad"}))
    assert [r.status for r in registry.records] == ["loaded", "blocked", "loaded"]


def test_a_rule_for_a_pair_that_has_one(site, hook):
    rule = RULE.format(divergence="kl", posterior="DiagonalNormal", prior="Dirichlet")
    site.add("again", KL + hook(rule))
    assert "the pair has a rule already" in site.record("again").error


def test_a_rule_that_would_make_a_pair_ambiguous(site, hook):
    # matches (DiagonalNormal, Dirichlet) exactly as well as the next one does
    first = RULE.format(divergence="far", posterior="Distribution", prior="Dirichlet")
    site.add("first", FAR + KL + hook(DIVERGENCE, first))
    second = RULE.format(divergence="far", posterior="DiagonalNormal", prior="Distribution")
    site.add("second", KL + hook(second))
    record = site.record("second")
    assert "it matches (DiagonalNormal, Dirichlet), and so does the rule for" in record.error
    assert "of first" in record.error


def test_a_broader_rule_leaves_the_exact_ones_alone(site, hook):
    rule = RULE.format(divergence="kl", posterior="Distribution", prior="Distribution")
    site.add("broad", KL + hook(rule))
    registry = site.registry()
    from topicforge.plugin import DiagonalNormal, Dirichlet, Point

    assert registry.rules.lookup("kl", DiagonalNormal, Dirichlet).distribution == "topicforge"
    assert registry.rules.lookup("kl", Point, Dirichlet).distribution == "broad"


def test_a_rule_for_a_divergence_that_does_not_exist_is_noted(site, hook):
    rule = RULE.format(divergence="mdm", posterior="Point", prior="Dirichlet")
    site.add("typo", KL + hook(rule))
    record = site.registry().records[1]
    assert record.notes == (
        "it registers rules for divergence 'mdm', which does not exist. Did you mean 'mmd'?",
    )


def test_a_rule_may_come_before_its_divergence(site, hook):
    site.add("aaa", KL + hook(RULE.format(divergence="far", posterior="Point", prior="Dirichlet")))
    site.add("bbb", FAR + hook(DIVERGENCE))
    registry = site.registry()
    assert [r.notes for r in registry.records] == [(), (), ()]
    assert [rule.distribution for rule in registry.rules if rule.divergence == "far"] == ["aaa"]


def test_two_divergences_of_one_name_cannot_share_rules(site, hook):
    rule = RULE.format(divergence="far", posterior="Point", prior="Dirichlet")
    site.add("first", FAR + KL + hook(DIVERGENCE, rule))
    site.add("second", FAR + hook(DIVERGENCE))
    assert "can't tell the two apart" in site.record("second").error


def test_records_cannot_be_changed(site):
    registry = site.registry()
    with pytest.raises(AttributeError):
        registry.records[0].status = "broken"


def test_an_explicit_list_without_built_ins(site, prior):
    from importlib.metadata import EntryPoint

    site.add("pack", prior("mine"))
    registry = Registry([EntryPoint("loose", "pack_module", "topicforge")])
    assert registry.records[0].name == "unknown:loose"
    assert [s.name for s in registry.specs("prior")] == ["mine"]
