"""The public conformance suite, and its check of native operators."""

from topicforge.testing import parametrize_with_checks, specs_of


@parametrize_with_checks(specs_of("topicforge-scatter-mmd"))
def test_contract(component, check):
    check(component)
