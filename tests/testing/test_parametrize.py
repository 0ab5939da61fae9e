"""specs_of and parametrize_with_checks: ids, expected failures, options, and what they refuse."""

import sys

import pytest

from topicforge.contracts import ComponentSpec
from topicforge.errors import InputError, MissingExtraError, PluginError, UnknownNameError
from topicforge.registry.kinds import KINDS
from topicforge.testing import parametrize_with_checks, specs_of

SPECS = specs_of("topicforge")


def cases(**arguments):
    return parametrize_with_checks(SPECS, **arguments).args[1]


def test_everything_registered_is_listed():
    assert {spec.kind for spec in SPECS} == set(KINDS) - {
        "callback",
        "embedder",
        "labeler",
    }  # plugins bring these


def test_an_unknown_distribution_is_refused_with_those_there():
    with pytest.raises(PluginError, match=r"(?s)'topicforg'.*Did you mean 'topicforge'"):
        specs_of("topicforg")


def test_an_installed_distribution_without_the_entry_point_is_told_so():
    with pytest.raises(PluginError) as caught:
        specs_of("pytest")
    message = str(caught.value)
    assert "pytest is installed, but declares no entry point of the group 'topicforge'" in message
    assert "its groups: console_scripts" in message


def test_ids_are_readable():
    ids = [case.id for case in cases()]
    assert "prior-dirichlet-check_log_prob_normalised" in ids
    assert len(set(ids)) == len(ids)


def test_an_expected_failure_is_strict_and_says_why():
    given = {"dirichlet": {"check_seed": "because of the weather"}}
    (case,) = [c for c in cases(expected_failures=given) if c.marks]
    assert case.id == "prior-dirichlet-check_seed"
    assert case.marks[0].kwargs == {"reason": "because of the weather", "strict": True}


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"dirichlt": {}}, UnknownNameError, "Did you mean 'dirichlet'"),
        ({"dirichlet": {"check_sed": "why"}}, UnknownNameError, "Did you mean 'check_seed'"),
        ({"dirichlet": {"check_topic_word": "why"}}, UnknownNameError, "does not apply"),
        ({"dirichlet": {"check_seed": " "}}, InputError, "must state a reason"),
    ],
)
def test_expected_failures_that_say_nothing_are_refused(given, error, said):
    with pytest.raises(error, match=said):
        cases(expected_failures=given)


def test_options_reach_the_component():
    (spec,) = [s for s in SPECS if isinstance(s, ComponentSpec) and s.name == "dirichlet"]
    found = cases(options={"dirichlet": {"concentration": 0.7}})
    (case,) = [c for c in found if c.id == f"prior-{spec.name}-check_seed"]
    from topicforge.testing import toy_context

    assert float(case.values[0].factory(toy_context()).concentration[0]) == pytest.approx(0.7)
    with pytest.raises(UnknownNameError, match="concentration"):
        cases(options={"dirichlet": {"concentrated": 0.7}})


def test_nothing_to_check_is_refused():
    with pytest.raises(InputError, match="at least one"):
        parametrize_with_checks([])


def test_without_pytest_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytest", None)
    with pytest.raises(MissingExtraError, match="pip install pytest"):
        parametrize_with_checks(SPECS)
