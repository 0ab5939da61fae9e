"""The conformance suite: does a component keep the contract?

A plugin package tests everything that it registers with four lines::

    from topicforge.testing import parametrize_with_checks, specs_of

    @parametrize_with_checks(specs_of("my-package"))
    def test_contract(component, check):
        check(component)

Each check is a function of one record; its docstring is the clause of the contract that it enforces.
Without pytest: ``for check in checks_of(spec): check(spec)``. A package is tested with the built-ins
and itself alone, whatever else is installed.
"""

# the modules of checks enter them in the list when they are imported
from topicforge.testing import (
    checks_callbacks,
    checks_components,
    checks_decoders,
    checks_divergences,
    checks_encoders,
    checks_execution,
    checks_links,
    checks_metrics,
    checks_models,
    checks_presets,
    checks_priors,
    checks_regularisers,
    checks_rules,
)
from topicforge.testing.check_operator import check_op
from topicforge.testing.parametrize import parametrize_with_checks
from topicforge.testing.specs import specs_of
from topicforge.testing.suite import CheckError, NotApplicable, all_checks, checks_of, kinds_of
from topicforge.testing.toys import (
    batch_of,
    toy_batch,
    toy_context,
    toy_counts,
    toy_features,
    toy_theta,
    toy_z,
)

__all__ = [
    "CheckError",
    "NotApplicable",
    "all_checks",
    "batch_of",
    "check_op",
    "checks_callbacks",
    "checks_components",
    "checks_decoders",
    "checks_divergences",
    "checks_encoders",
    "checks_execution",
    "checks_links",
    "checks_metrics",
    "checks_models",
    "checks_of",
    "checks_presets",
    "checks_priors",
    "checks_regularisers",
    "checks_rules",
    "kinds_of",
    "parametrize_with_checks",
    "specs_of",
    "toy_batch",
    "toy_context",
    "toy_counts",
    "toy_features",
    "toy_theta",
    "toy_z",
]
