"""The rule table: most specific pair wins, duplicates and ambiguities are errors."""

import pytest

from topicforge.contracts import Rule, RuleSpec
from topicforge.distributions import DiagonalNormal, Dirichlet, Distribution, Point
from topicforge.errors import PluginError
from topicforge.registry.rule_table import RuleTable


class Special(DiagonalNormal):
    """A plugin's own normal."""


class VerySpecial(Special):
    """A child of it."""


def spec(q, p, name="", divergence="kl"):
    rule = Rule(lambda *arguments: arguments[2].z, "closed form", "z", "a paper", name)
    return RuleSpec(divergence, rule, posterior=q, prior=p)


def test_finds_the_pair_and_only_the_pair():
    rule = spec(DiagonalNormal, Dirichlet)
    table = RuleTable([rule])
    assert table.lookup("kl", DiagonalNormal, Dirichlet) is rule
    assert table.lookup("kl", Dirichlet, DiagonalNormal) is None
    assert table.lookup("kl", Point, Dirichlet) is None
    assert table.lookup("other", DiagonalNormal, Dirichlet) is None
    assert list(table) == [rule]


def test_the_most_specific_pair_wins_whatever_the_order():
    general = spec(DiagonalNormal, DiagonalNormal)
    left = spec(Special, DiagonalNormal)
    both = spec(Special, Special)
    for rules in ([general, left, both], [both, left, general]):
        table = RuleTable(rules)
        assert table.lookup("kl", DiagonalNormal, Special) is general
        assert table.lookup("kl", VerySpecial, DiagonalNormal) is left
        assert table.lookup("kl", VerySpecial, VerySpecial) is both


def test_an_ambiguity_is_an_error_until_the_exact_pair_is_there():
    two = [spec(Special, DiagonalNormal), spec(DiagonalNormal, Special)]
    with pytest.raises(PluginError, match=r"it matches \(Special, Special\), and so does the rule"):
        RuleTable(two)
    exact = spec(Special, Special)
    assert RuleTable([*two, exact]).lookup("kl", Special, Special) is exact


class Both(Special, Point):
    """A type with two base classes, of which neither derives from the other."""


def test_an_ambiguity_by_several_base_classes_is_found_at_lookup():
    table = RuleTable([spec(Special, Dirichlet), spec(Point, Dirichlet)])
    with pytest.raises(PluginError, match=r"\(Both, Dirichlet\).*none is the most specific"):
        table.lookup("kl", Both, Dirichlet)


def test_a_duplicate_names_the_rule_that_is_there():
    first = spec(Special, Dirichlet, "the first rule")
    with pytest.raises(PluginError, match="the first rule"):
        RuleTable([first, spec(Special, Dirichlet, "the second rule")])
    assert len(list(RuleTable([first, spec(Special, Dirichlet, divergence="other")]))) == 2


def test_a_rule_for_every_distribution_is_the_last_resort():
    anything = spec(Distribution, Distribution)
    table = RuleTable([anything, spec(DiagonalNormal, Distribution)])
    assert table.lookup("kl", Point, Dirichlet) is anything
