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
    return RuleSpec(divergence, q, p, rule)


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
    table = RuleTable([spec(Special, DiagonalNormal), spec(DiagonalNormal, Special)])
    with pytest.raises(PluginError, match=r"\(Special, Special\).*none is the most specific"):
        table.lookup("kl", Special, Special)
    exact = spec(Special, Special)
    table.add(exact)
    assert table.lookup("kl", Special, Special) is exact


def test_a_duplicate_names_the_rule_that_is_there():
    table = RuleTable([spec(Special, Dirichlet, "the first rule")])
    with pytest.raises(PluginError, match="the first rule"):
        table.add(spec(Special, Dirichlet, "the second rule"))
    table.add(spec(Special, Dirichlet, divergence="other"))  # another divergence's table
    assert len(list(table)) == 2


@pytest.mark.parametrize("side", [int, "DiagonalNormal", None, DiagonalNormal(None, None)])
def test_both_sides_must_be_distribution_types(side):
    with pytest.raises(PluginError, match="must be subclasses of"):
        RuleTable([spec(side, Dirichlet)])
    with pytest.raises(PluginError, match="must be subclasses of"):
        RuleTable([spec(Dirichlet, side)])


def test_a_rule_for_every_distribution_is_the_last_resort():
    anything = spec(Distribution, Distribution)
    table = RuleTable([anything, spec(DiagonalNormal, Distribution)])
    assert table.lookup("kl", Point, Dirichlet) is anything
