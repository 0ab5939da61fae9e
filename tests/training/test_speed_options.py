"""bfloat16, compilation and accumulation change how a step is computed, not what comes out of it."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from topicforge import TopicModel
from topicforge.errors import OptionError

COUNTS = sp.csr_array(np.random.default_rng(0).poisson(0.4, (96, 40)))
PRESETS = ["default", "nvdm-gsm", "w-lda", "etm", "gmntm-paper", "prodlda", "d-vae"]


def fitted(preset="nvdm-gsm", **more):
    small = {} if preset == "default" else {"encoder__hidden": (16,)}
    return TopicModel(
        preset, **{"n_topics": 4, "epochs": 2, "training__pretrain_epochs": 0, "batch_size": 24,
                   "regularisers": [], **small, **more}
    ).fit(COUNTS)  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("preset", PRESETS)
def test_bfloat16_trains_every_preset_near_float32(preset):
    plain, half = (
        fitted(preset, training__precision=p).history_[-1] for p in ("float32", "bfloat16")
    )
    # bfloat16 has 8 bits: relative errors of 2^-8 in a dense layer, a few of them in a row
    assert half.loss == pytest.approx(plain.loss, rel=0.05)
    assert half.loss != plain.loss or preset == "default"


def test_bfloat16_keeps_parameters_and_results_in_float32():
    model = fitted(training__precision="bfloat16")
    assert {p.dtype for p in model.network_.parameters()} == {torch.float32}
    theta = model.transform(COUNTS)
    assert theta.dtype == np.float32
    # sums to one as float32 rounds it: bfloat16 would be off by 2^-9
    np.testing.assert_allclose(theta.sum(1), 1, atol=1e-6)


@pytest.mark.parametrize("beta1", [0, 0.0])
def test_adam_without_a_first_moment_trains(beta1):
    """A whole number too, which torch's fused Adam refuses."""
    first = fitted(epochs=1, optimiser__beta1=beta1)
    assert np.isfinite(first.history_[-1].loss)


def test_gradients_of_batches_are_averaged_before_a_step():
    """One epoch of four batches as one step: the parameters are Adam's after a single step."""
    start = fitted(epochs=0).network_.decoder.topic.detach()
    one = fitted(
        epochs=1, training__accumulate=4, learning_rate=1e-3
    ).network_.decoder.topic.detach()
    # Adam's first step is lr * g / (|g| + eps): no coordinate moves by more than the rate
    assert 0 < float((one - start).abs().max()) <= 1e-3 * (1 + 1e-4)
    four = fitted(epochs=1, learning_rate=1e-3).network_.decoder.topic.detach()
    assert float((four - start).abs().max()) > 1.5e-3


def test_accumulating_everything_equals_one_large_batch():
    """Without noise or batch norm, four batches of 24 averaged are one of 96."""
    quiet = {
        "preset": "etm-paper", "encoder": "mlp-point", "divergence": "none", "epochs": 1,
        "optimiser__weight_decay": 0.0, "encoder__hidden": (16,), "learning_rate": 1e-3,
    }  # fmt: skip
    many = fitted(training__accumulate=4, batch_size=24, **quiet)
    one = fitted(batch_size=96, **quiet)
    for a, b in zip(many.network_.parameters(), one.network_.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=2e-6)


def test_a_last_group_of_fewer_batches_is_stepped_too():
    start = fitted(epochs=0).network_.decoder.topic.detach()
    moved = fitted(epochs=1, training__accumulate=100).network_.decoder.topic.detach()
    assert not torch.equal(start, moved)


# torch's own compiler warns while it looks at tensors
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("decoder", ["embedding", "product"])
def test_a_compiled_network_trains_as_the_plain_one(decoder):
    """Without noise: the compiler draws random numbers of its own."""
    quiet = {
        "preset": "etm-paper", "encoder": "mlp-point", "divergence": "none", "decoder": decoder,
        "epochs": 1, "encoder__hidden": (16,),
    }  # fmt: skip
    plain, compiled = (fitted(training__compile=c, **quiet) for c in (False, True))
    # it fuses and reorders sums: float32 rounding, over four steps
    assert compiled.history_[-1].loss == pytest.approx(plain.history_[-1].loss, rel=1e-4)
    assert {*compiled.network_.state_dict()} == {*plain.network_.state_dict()}


# torch's own compiler warns while it looks at tensors
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("preset", ["default", "nvdm-gsm", "prodlda", "d-vae"])
def test_a_compiled_network_draws_and_repeats(preset):
    """Dropout, samples of the posterior, noise: the compiler's own numbers, seeded as everything is."""
    before = torch.get_rng_state()
    first, second = (fitted(preset, training__compile=True, epochs=1) for _ in range(2))
    plain = fitted(preset, epochs=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(first.topic_word_, second.topic_word_)
    assert first.history_[-1].loss == pytest.approx(plain.history_[-1].loss, rel=0.2)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"training__precision": "bfloat"}, "Did you mean 'bfloat16'"),
        ({"training__accumulate": 0}, "accumulate must be positive"),
        ({"training__compile": 1}, "compile must be True or False"),
        ({"optimiser": "adma"}, "Did you mean 'adam'"),
        ({"optimiser": 3}, "optimiser must be one of adam"),
    ],
)
def test_impossible_values_are_refused(options, says):
    with pytest.raises(OptionError, match=says):
        fitted(**options)
