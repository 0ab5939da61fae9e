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
from topicforge.testing.check_operator import check_op
from topicforge.testing.checks_callbacks import (
    check_callback_answers,
    check_callback_can_be_used_again,
    check_callback_changes_nothing,
)
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
from topicforge.testing.checks_decoders import (
    check_log_likelihood,
    check_penalties,
    check_topic_word,
)
from topicforge.testing.checks_divergences import (
    check_divergence_at_equality,
    check_divergence_gradient,
    check_divergence_not_negative,
    check_divergence_resolves,
    check_divergence_shapes,
)
from topicforge.testing.checks_encoders import (
    check_documents_are_independent,
    check_features_declared,
    check_posterior,
    check_reparameterised_encoder,
    check_wrong_width,
)
from topicforge.testing.checks_execution import (
    check_device,
    check_input_unchanged,
    check_torch_compile,
    check_torchscript,
)
from topicforge.testing.checks_links import check_link
from topicforge.testing.checks_metrics import (
    check_metric_needs,
    check_metric_repeats,
)
from topicforge.testing.checks_models import check_saves_and_loads, check_trains_in_a_mix
from topicforge.testing.checks_presets import (
    check_preset_fits,
    check_preset_trains,
)
from topicforge.testing.checks_priors import (
    check_anchors_and_start,
    check_log_prob_normalised,
    check_prior_declaration,
    check_prior_samples,
    check_samples_follow_log_prob,
)
from topicforge.testing.checks_regularisers import (
    check_regulariser_divergence,
    check_regulariser_fit,
    check_regulariser_latent,
    check_regulariser_penalty,
    check_regulariser_trains,
    check_regulariser_weights,
)
from topicforge.testing.checks_rules import (
    check_rule_against_monte_carlo,
    check_rule_gradient,
    check_rule_value,
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
    "check_anchors_and_start",
    "check_callback_answers",
    "check_callback_can_be_used_again",
    "check_callback_changes_nothing",
    "check_construction",
    "check_device",
    "check_divergence_at_equality",
    "check_divergence_gradient",
    "check_divergence_not_negative",
    "check_divergence_resolves",
    "check_divergence_shapes",
    "check_documents_are_independent",
    "check_dtype",
    "check_features_declared",
    "check_finite_and_batch_sizes",
    "check_gradients_reach_parameters",
    "check_input_unchanged",
    "check_link",
    "check_log_likelihood",
    "check_log_prob_normalised",
    "check_metric_needs",
    "check_metric_repeats",
    "check_nonsense_options",
    "check_op",
    "check_options_are_keyword_only",
    "check_penalties",
    "check_posterior",
    "check_preset_fits",
    "check_preset_trains",
    "check_prior_declaration",
    "check_prior_samples",
    "check_regulariser_divergence",
    "check_regulariser_fit",
    "check_regulariser_latent",
    "check_regulariser_penalty",
    "check_regulariser_trains",
    "check_regulariser_weights",
    "check_reparameterised_encoder",
    "check_rule_against_monte_carlo",
    "check_rule_gradient",
    "check_rule_value",
    "check_samples_follow_log_prob",
    "check_saves_and_loads",
    "check_seed",
    "check_state_dict",
    "check_topic_word",
    "check_torch_compile",
    "check_torchscript",
    "check_trains_in_a_mix",
    "check_wrong_width",
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
