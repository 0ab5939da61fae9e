"""The built-ins pass the suite that plugin authors run."""

from topicforge.testing import parametrize_with_checks, specs_of


@parametrize_with_checks(specs_of("topicforge"))
def test_contract(component, check):
    check(component)
