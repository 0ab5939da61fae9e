"""The pytest decorator: one test for each pair of component and check."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from topicforge.contracts import ComponentSpec
from topicforge.errors import InputError, MissingExtraError, UnknownNameError, did_you_mean
from topicforge.testing.catalogue import all_checks, checks_of
from topicforge.testing.subject import Spec, id_of, name_of, with_options

ExpectedFailures = Mapping[str, Mapping[str, str]]


def parametrize_with_checks(
    specs: Sequence[Spec],
    *,
    expected_failures: ExpectedFailures | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> Callable[[Any], Any]:
    """Return a pytest decorator that hands a test every pair (component, check).

    Example::

        @parametrize_with_checks(specs_of("my-package"))
        def test_contract(component, check):
            check(component)

    Args:
        specs: what to check, from :func:`specs_of`.
        expected_failures: component name -> check name -> reason. Such a test must fail (strict
            xfail); once it passes, the entry has to go. ``kind-name`` tells two kinds of one name
            apart.
        options: component name -> options to build it with, where the defaults are too large or
            too slow for a test.

    Raises:
        MissingExtraError: pytest is not installed.
        UnknownNameError: a name of a component, a check or an option that is not there.
        InputError: nothing to check, or an expected failure without a reason.
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
            "parametrize_with_checks: specs must name at least one component, got none; hand in "
            "specs_of('your-package')"
        )
    failures, chosen = expected_failures or {}, options or {}
    for where, given in (("expected_failures", failures), ("options", chosen)):
        _check_names(where, given, specs)
    _check_failures(failures, specs)
    cases = []
    for spec in specs:
        expected = _of(spec, failures)
        subject = with_options(spec, _of(spec, chosen))
        for check in checks_of(spec):
            name = check.__name__
            marks: tuple[Any, ...] = ()
            if name in expected:
                marks = (pytest.mark.xfail(reason=expected[name], strict=True),)
            cases.append(pytest.param(subject, check, id=f"{id_of(spec)}-{name}", marks=marks))
    return pytest.mark.parametrize(("component", "check"), cases)


def _of(spec: Spec, given: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    return {**given.get(name_of(spec), {}), **given.get(id_of(spec), {})}


def _check_names(where: str, given: Mapping[str, Any], specs: Sequence[Spec]) -> None:
    """Refuse names of components that are not among the specs."""
    known = {name for spec in specs for name in (name_of(spec), id_of(spec))}
    for name in given:
        if name not in known:
            raise UnknownNameError(
                f"parametrize_with_checks: {where} names {name!r}, which is no component here."
                f"{did_you_mean(name, known)} There are: {', '.join(map(id_of, specs))}"
            )
    for name in given:
        kinds = [id_of(spec) for spec in specs if name == name_of(spec)]
        components = [s for s in specs if name == name_of(s) and isinstance(s, ComponentSpec)]
        if where == "options" and len(kinds) > len(components):
            raise UnknownNameError(
                f"parametrize_with_checks: options for {name!r}, but rules, presets and metrics "
                f"take none; it is the name of {', '.join(kinds)}"
            )


def _check_failures(failures: ExpectedFailures, specs: Sequence[Spec]) -> None:
    """Refuse checks that do not apply, and reasons that say nothing."""
    for component, checks in failures.items():
        applying = {
            check.__name__
            for spec in specs
            if component in (name_of(spec), id_of(spec))
            for check in checks_of(spec)
        }
        for check, reason in checks.items():
            where = f"parametrize_with_checks: expected_failures[{component!r}][{check!r}]"
            if check not in applying:
                every = {function.__name__ for function in all_checks()}
                why = "does not apply to it" if check in every else "is no check"
                raise UnknownNameError(f"{where}: {check!r} {why}.{did_you_mean(check, applying)}")
            if not (isinstance(reason, str) and reason.strip()):
                raise InputError(
                    f"{where}: an expected failure must say why, got {reason!r}; write the reason "
                    "that a reader of the test should see"
                )
