import pytest

from topicforge.errors import (
    CorpusError,
    InputError,
    MixError,
    OptionError,
    UnknownNameError,
)
from topicforge.experiments.search import Choices, Numbers, read_plan

RATE = "learning_rate = {low = 1e-4, high = 1e-2, log = true}"


def test_a_search_is_read_as_it_is_written(write):
    space = f"""
    {RATE}
    batch_size = {{low = 20, high = 60, step = 20}}
    epochs = {{low = 1, high = 3}}
    encoder.hidden = {{choices = [[10], [20, 20]]}}
    prior = {{choices = ["gaussian", "dirichlet"]}}
    prior__concentration = {{low = 0.1, high = 1}}
    optimiser.beta1 = {{low = 0.5, high = 0.99}}
    [space.training]
    pretrain_epochs = {{low = 0, high = 3}}
    """
    rest = "trials = 7\nseed = 3\nobjective = 'nmi'"
    plan = read_plan(write(space, "training = {accumulate = 2}", rest))
    # names of parts are drawn first
    assert next(iter(plan.space)) == "prior"
    assert plan.space["learning_rate"] == Numbers(1e-4, 1e-2, None, True)
    assert plan.space["batch_size"] == Numbers(20, 60, 20)
    assert plan.space["batch_size"].whole
    assert not plan.space["learning_rate"].whole
    assert plan.space["encoder__hidden"] == Choices(((10,), (20, 20)))
    # one whole bound does not make whole numbers
    assert plan.space["prior__concentration"] == Numbers(0.1, 1.0)
    assert plan.space["optimiser__beta1"] == Numbers(0.5, 0.99)
    assert plan.space["training__pretrain_epochs"] == Numbers(0, 3)
    assert plan.settings == {"preset": "nvdm-gsm", "n_topics": 3, "training__accumulate": 2}
    assert (plan.trials, plan.seed, plan.objective.name) == (7, 3, "nmi")


@pytest.mark.parametrize(
    ("space", "error", "match"),
    [
        ("learning_rat = {low = 1, high = 2}", UnknownNameError, "Did you mean 'learning_rate'"),
        ("prior__varianc = {low = 1, high = 2}", UnknownNameError, "Did you mean 'variance'"),
        ("pror__variance = {low = 1, high = 2}", UnknownNameError, "Did you mean 'prior'"),
        ("optimiser.beta = {low = 0.1, high = 0.2}", UnknownNameError, "optimiser__beta"),
        ("training.acumulate = {low = 1, high = 2}", UnknownNameError, "training__acumulate"),
        ("training.accumulate = {low = 0, high = 2}", OptionError, "must be positive"),
        ("prior = {choices = ['gausian']}", UnknownNameError, "Did you mean 'gaussian'"),
        ("epochs = {lo = 1, high = 2}", UnknownNameError, "Did you mean 'low'"),
        ("epochs = {low = 3, high = 2}", InputError, "low must be at most high, got 3 and 2"),
        ("epochs = {low = 3}", InputError, "high is missing"),
        ("epochs = {choices = []}", InputError, "at least one value"),
        ("epochs = {choices = [1, 1]}", InputError, "hold '1' twice"),
        ("epochs = {choices = [1], step = 1}", InputError, "choices stand alone"),
        ("epochs = {choices = [1979-05-27]}", InputError, "must be text, numbers or lists"),
        ("epochs = 3", InputError, r"goes into \[settings\]"),
        ("learning_rate = {low = 0, high = 1, log = true}", InputError, "needs low above 0"),
        ("learning_rate = {low = nan, high = 1}", InputError, "low must be a finite number"),
        ("learning_rate = {low = true, high = 1}", InputError, "low must be a finite number"),
        ("batch_size = {low = 1, high = 4, step = 2}", InputError, "end at 3; write that"),
        ("batch_size = {low = 1, high = 4, step = 0.5}", InputError, "step must be a whole number"),
        ("epochs = {low = 0.5, high = 2.5}", OptionError, "epochs must be a whole number"),
        ("n_topics = {low = 0, high = 2}", InputError, r"stands in \[settings\] and in \[space\]"),
        ("n_latent = {low = 0, high = 2}\nepochs = {low = -1, high = 2}", OptionError, "at least 0"),
        ("epochs = {low = 0, high = 2}", OptionError, "epochs must be .* at least 1, got 0"),
        ("training.patience = {low = 1, high = 2}", InputError, "is the search's to decide"),
        ("prior = {low = 1, high = 2}", InputError, "choices = .* of names"),
        ("", InputError, "at least one setting"),
        ("encoder = {choices = ['mlp-point']}\ndivergence = {choices = ['kl']}", MixError, "none of 1 comp"),
    ],
)  # fmt: skip
def test_a_space_that_cant_be_is_refused_with_its_place(write, space, error, match):
    with pytest.raises(error, match=match) as caught:
        read_plan(write(space))
    assert "search.toml" in str(caught.value)


@pytest.mark.parametrize(
    ("top", "error", "match"),
    [
        ("trial = 3", UnknownNameError, "Did you mean 'trials'"),
        ("trials = 0", OptionError, "trials must be a whole number from 1"),
        ("objective = 'nmmi'", UnknownNameError, "Did you mean 'nmi'"),
        ("objective = 'c_v'", InputError, "needs texts, which corpus folders don't keep"),
        ("held_out = 1", OptionError, "above 0 and below 1, got 1"),
        ("pruning = 3", InputError, "must be a table"),
        ("pruning = {startup = 3}", UnknownNameError, "Did you mean 'startup_trials'"),
        ("= 3", InputError, "can't be read as TOML"),
    ],
)
def test_a_key_that_cant_be_is_refused(write, top, error, match):
    with pytest.raises(error, match=match):
        read_plan(write(RATE, top=top))


def test_corpora_that_do_not_serve_are_named(write, tmp_path):
    with pytest.raises(CorpusError, match=r"corpora\.gone.*must be a corpus folder"):
        read_plan(write(RATE, corpora="gone = 'gone'"))
    with pytest.raises(InputError, match=r"corpora\.bare must have labels for objective 'nmi'"):
        read_plan(write(RATE, top="objective = 'nmi'", corpora="bare = 'bare'"))
    with pytest.raises(InputError, match="must have the same words"):
        read_plan(write(RATE, corpora="docs = {train = 'docs', held_out = 'bare'}"))
    with pytest.raises(InputError, match="there must be a corpus"):
        read_plan(write(RATE, corpora=""))
    with pytest.raises(InputError, match="can't be read as TOML"):
        read_plan(tmp_path / "missing.toml")
