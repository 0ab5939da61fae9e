"""The conformance suite: is this component what it says it is?

A plugin package tests all it registered with four lines::

    from topicforge.testing import parametrize_with_checks, specs_of

    @parametrize_with_checks(specs_of("my-package"))
    def test_contract(component, check):
        check(component)

Each check is a plain function of one spec; its docstring is the clause of the contract that it
enforces. pytest is needed for the decorator alone.
"""

from topicforge.testing.catalogue import all_checks, checks_of, kinds_of
from topicforge.testing.checks_components import (
    check_construction,
    check_dtype,
    check_finite_and_batch_sizes,
    check_gradients_reach_parameters,
    check_nonsense_options,
    check_options_are_keyword_only,
    check_seed,
    check_state_dict,
)
from topicforge.testing.failure import CheckError, NotApplicable
from topicforge.testing.parametrize import parametrize_with_checks
from topicforge.testing.subject import id_of, specs_of
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
    "check_construction",
    "check_dtype",
    "check_finite_and_batch_sizes",
    "check_gradients_reach_parameters",
    "check_nonsense_options",
    "check_options_are_keyword_only",
    "check_seed",
    "check_state_dict",
    "checks_of",
    "id_of",
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
