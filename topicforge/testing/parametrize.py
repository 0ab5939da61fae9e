"""The pytest decorator: one test for each pair of component and check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from topicforge.errors import InputError, MissingExtraError, UnknownNameError, did_you_mean
from topicforge.testing.specs import id_of, with_options
from topicforge.testing.suite import all_checks, checks_of

ExpectedFailures = Mapping[str, Mapping[str, str]]


def parametrize_with_checks(
    specs: Sequence[Any],
    *,
    expected_failures: ExpectedFailures | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Callable[[Any], Any]:
    """Return a pytest decorator that calls a test with every pair (component, check).

    Example::

        @parametrize_with_checks(specs_of("my-package"))
        def test_contract(component, check):
            check(component)

    Args:
        specs: what to check, from :func:`specs_of`.
        expected_failures: component name -> check name -> reason. Such a test must fail (strict
            xfail); once it passes, the entry has to go. ``kind-name`` distinguishes two kinds with
            one name.
        options: component name -> options to build it with, where the defaults are too large or
            too slow for a test.

    Raises:
        MissingExtraError: pytest is not installed.
        UnknownNameError: a component, a check or an option that does not exist.
        InputError: nothing to check, or an expected failure without a reason.
        PluginError: options for a rule, a preset or a metric.
    """
    try:
        import pytest
    except ImportError as error:
        raise MissingExtraError(
            "parametrize_with_checks: needs pytest, which is not installed; pip install pytest, or "
            "call the checks yourself: for check in checks_of(spec): check(spec)"
        ) from error
    if not specs:
        raise InputError(
            "parametrize_with_checks: specs must name at least one component, got none; pass "
            "specs_of('your-package')"
        )
    failures, chosen = expected_failures or {}, options or {}
    for where, given in (("expected_failures", failures), ("options", chosen)):
        known = {name for spec in specs for name in (spec.name, id_of(spec))}
        for name in given:
            if name not in known:
                raise UnknownNameError(
                    f"parametrize_with_checks: {where} names {name!r}, which is no component here."
                    f"{did_you_mean(name, known)} There are: {', '.join(map(id_of, specs))}"
                )
    _check_failures(failures, specs)
    cases = []
    for spec in specs:
        expected = _of(spec, failures)
        component = with_options(spec, _of(spec, chosen))
        for check in checks_of(spec):
            name = check.__name__
            marks: tuple[Any, ...] = ()
            if name in expected:
                marks = (pytest.mark.xfail(reason=expected[name], strict=True),)
            cases.append(pytest.param(component, check, id=f"{id_of(spec)}-{name}", marks=marks))
    return pytest.mark.parametrize(("component", "check"), cases)


def _of(spec: Any, given: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {**given.get(spec.name, {}), **given.get(id_of(spec), {})}


def _check_failures(failures: ExpectedFailures, specs: Sequence[Any]) -> None:
    """Refuse checks that do not apply, and empty reasons."""
    every = {check.__name__ for check in all_checks()}
    for component, checks in failures.items():
        specified = [spec for spec in specs if component in (spec.name, id_of(spec))]
        applying = {check.__name__ for spec in specified for check in checks_of(spec)}
        for check, reason in checks.items():
            where = f"parametrize_with_checks: expected_failures[{component!r}][{check!r}]"
            if check not in applying:
                why = "does not apply to it" if check in every else "is no check"
                raise UnknownNameError(f"{where}: {check!r} {why}.{did_you_mean(check, applying)}")
            if not (isinstance(reason, str) and reason.strip()):
                raise InputError(
                    f"{where}: an expected failure must state a reason, got {reason!r}"
                )
