"""Encoders and presets against topicforge's conformance suite."""

from topicforge.testing import parametrize_with_checks, specs_of


@parametrize_with_checks(specs_of("topicforge-contextual"))
def test_contract(component, check):
    check(component)
