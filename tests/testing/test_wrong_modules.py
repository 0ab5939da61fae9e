"""Every check of a module catches the component that breaks its clause."""

import pytest
import torch
import wrong_modules as wrong

from topicforge import testing
from topicforge.contracts import ComponentSpec
from topicforge.testing import CheckError, NotApplicable

CHECKS = {check.__name__: check for check in testing.all_checks()}
CASES = [
    ("encoder", wrong.NeedsVocabulary, "check_construction", "vocab"),
    ("encoder", wrong.DescribesOtherDefaults, "check_options_are_keyword_only", "written out"),
    ("encoder", wrong.TakesNan, "check_nonsense_options", "NaN must be refused"),
    ("encoder", wrong.TypeErrorOnNonsense, "check_nonsense_options", "TypeError"),
    ("encoder", wrong.ForgottenSuper, "check_construction", "begin with super().__init__(context)"),
    ("encoder", wrong.PlainTensor, "check_state_dict", "'shift' as a plain attribute"),
    ("encoder", wrong.PlainConstant, "check_state_dict", "'scales' as a plain attribute"),
    ("encoder", wrong.StartsPlain, "check_state_dict", "after start() it has the tensor 'shift'"),
    ("encoder", wrong.ReadsVocabulary, "check_state_dict", "after load_state_dict"),
    ("encoder", wrong.NumpyNoise, "check_seed", "manual_seed"),
    ("encoder", wrong.AlwaysFloat32, "check_dtype", "float64"),
    ("encoder", wrong.DividesByLength, "check_finite_and_batch_sizes", "not finite"),
    ("encoder", wrong.Detached, "check_gradients_reach_parameters", "'weight'"),
    ("encoder", wrong.OtherType, "check_posterior", "Dirichlet"),
    ("encoder", wrong.LooksAround, "check_documents_are_independent", "neighbours"),
    ("encoder", wrong.HidesFeatures, "check_features_declared", "reads_features"),
    ("encoder", wrong.AnyWidth, "check_wrong_width", "vocab_size"),
    ("encoder", wrong.HalfGradient, "check_reparameterised_encoder", "gradient"),
    ("encoder", wrong.InPlace, "check_input_unchanged", "in place"),
    ("encoder", wrong.ChangesUnderCompile, "check_torch_compile", "torch.compile"),
    ("encoder", wrong.NanAfterAStep, "check_trains_in_a_mix", "training"),
    ("encoder", wrong.ForgetsOnSave, "check_saves_and_loads", "differs"),
    ("link", wrong.NotNormalised, "check_link", "sums to one"),
    ("link", wrong.NotScriptable, "check_torchscript", "torchscript = True"),
    ("prior", wrong.NoEmptySample, "check_prior_samples", "rsample(0)"),
    ("prior", wrong.TooManyNumbers, "check_prior_samples", "size it by context.n_latent"),
    (
        "prior",
        wrong.TooManyNumbers,
        "check_trains_in_a_mix",
        "its distribution must have shape (4,)",
    ),
    ("prior", wrong.SaysTrainable, "check_prior_declaration", "trainable=True"),
    ("prior", wrong.Unnormalised, "check_log_prob_normalised", "integrates to"),
    ("prior", wrong.WrongScale, "check_samples_follow_log_prob", "leave the density"),
    ("prior", wrong.BadAnchors, "check_anchors_and_start", "anchors"),
    ("decoder", wrong.RowsOffOne, "check_topic_word", "sum to one"),
    ("decoder", wrong.Doubled, "check_log_likelihood", "sum_v"),
    ("decoder", wrong.ScoredByPresence, "check_word_log_likelihood", "sum_v"),
    ("decoder", wrong.VectorPenalty, "check_penalties", "must have shape ()"),
]


def spec_of(kind, factory):
    return ComponentSpec(
        factory.__name__.lower(), factory, kind=kind,
        summary="wrong on purpose", source="these tests",
    )  # fmt: skip


@pytest.mark.parametrize(("kind", "factory", "check", "said"), CASES)
def test_a_wrong_component_is_caught(kind, factory, check, said):
    with pytest.raises(CheckError) as failure:
        CHECKS[check](spec_of(kind, factory))
    message = str(failure.value)
    assert said in message
    assert factory.__name__.lower() in message
    assert "To correct it" in message
    assert "report it" not in message


@pytest.mark.parametrize(
    ("kind", "factory"),
    [("encoder", wrong.GoodEncoder), ("prior", wrong.ShiftedPrior), ("decoder", wrong.GoodDecoder)],
)
def test_what_they_differ_from_passes(kind, factory):
    """So each wrong component is caught for what it changes, not for what it shares."""
    quick = [c for c in testing.all_checks(kind) if "model" not in c.__module__]
    for check in quick:
        try:
            check(spec_of(kind, factory))
        except NotApplicable:
            continue


@pytest.mark.skipif(
    torch.cuda.is_available() or torch.backends.mps.is_available(), reason="a device is there"
)
def test_without_a_device_the_check_says_that_it_is_skipped():
    with pytest.raises(NotApplicable, match="neither CUDA nor MPS"):
        CHECKS["check_device"](spec_of("encoder", wrong.GoodEncoder))


@pytest.mark.needs_cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_tensor_that_stays_behind_is_caught_on_a_device():
    class StaysBehind(wrong.GoodEncoder):
        def __init__(self, context):
            super().__init__(context)
            self.shift = torch.randn(context.n_latent)

        def forward(self, batch):
            q = super().forward(batch)
            return type(q)(q.loc + self.shift, q.log_var)

    with pytest.raises(CheckError):
        CHECKS["check_device"](spec_of("encoder", StaysBehind))
