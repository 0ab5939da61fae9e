"""The package through topicforge's own suite."""

import pytest
from topicforge.testing import parametrize_with_checks, specs_of


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """With their defaults the loggers write to the working folder."""
    monkeypatch.chdir(tmp_path)


@parametrize_with_checks(specs_of("topicforge-loggers"))
def test_contract(component, check):
    check(component)
