import json
import math
import subprocess
import sys

import numpy as np
import pytest

from topicforge import TopicModel
from topicforge.corpus import Corpus
from topicforge.errors import MissingExtraError, MixError, OptionError, OutputError
from topicforge.experiments.search import Measure, objectives, read_plan, search, write_report

RATE = "learning_rate = {low = 1e-4, high = 3e-2, log = true}"


def outcomes(found):
    return [(t.number, t.status, t.value, dict(t.drawn), t.epochs) for t in found.trials]


def test_a_value_is_that_of_a_model_fitted_with_the_same_settings(write, folder, tmp_path):
    plan = read_plan(write(RATE, "epochs = 2", "seed = 5\nheld_out = 0.3"))
    found = search(plan, tmp_path / "out", trials=2)
    train, held_out = plan.corpora["docs"].split(0.3, 5)
    assert (train.n_documents, held_out.n_documents) == (63, 27)
    whole = Corpus.open(folder / "docs").counts.to_scipy().toarray()
    parts = np.concatenate([part.counts.to_scipy().toarray() for part in (train, held_out)])
    assert sorted(map(tuple, parts)) == sorted(map(tuple, whole))
    for trial in found.trials:
        assert trial.status == "done"
        assert trial.epochs == trial.planned == 2
        model = TopicModel(**trial.settings, seed=5).fit(train)
        assert trial.value == model.score(held_out)
    # the first trial is what holds without a search
    assert found.trials[0].drawn == {"learning_rate": 0.005}  # the preset's


def test_more_trials_go_on_and_none_runs_twice(write, tmp_path):
    plan = read_plan(write(RATE, "epochs = 1", "trials = 2"))
    seen = []
    first = search(plan, tmp_path / "out", on_done=lambda t: seen.append(t.number))
    again = search(plan, tmp_path / "out", on_done=lambda _: pytest.fail("ran twice"))
    assert outcomes(again) == outcomes(first)
    more = search(plan, tmp_path / "out", trials=4, on_done=lambda t: seen.append(t.number))
    assert seen == [0, 1, 2, 3]
    assert outcomes(more)[:2] == outcomes(first)
    values = [t.drawn["learning_rate"] for t in more.trials]
    assert len(set(values)) == 4
    assert all(1e-4 <= value <= 3e-2 for value in values)


def test_parts_draw_the_options_that_they_have_and_impossible_mixes_are_told(write, tmp_path):
    space = """
    encoder = {choices = ["mlp", "mlp-point"]}
    prior = {choices = ["gaussian", "dirichlet"]}
    prior__concentration = {low = 0.1, high = 1.0}
    divergence = {choices = ["kl", "mmd"]}
    """
    found = search(read_plan(write(space, "epochs = 1", "seed = 2")), tmp_path / "out", trials=14)
    for trial in found.trials:
        assert ("prior__concentration" in trial.drawn) == (trial.drawn["prior"] == "dirichlet")
        model = TopicModel(**trial.settings)
        if trial.status == "impossible":
            with pytest.raises(MixError) as caught:
                model.explain()
            assert trial.error == str(caught.value)
        else:
            model.explain()
    assert {trial.status for trial in found.trials} == {"done", "impossible"}
    why = next(t.error for t in found.trials if t.status == "impossible")
    assert "kl" in why
    assert found.best.status == "done"


def test_a_trial_that_fails_keeps_its_reason(write, tmp_path):
    space = "learning_rate = {choices = [1e30, 0.002]}"
    plan = read_plan(write(space, "epochs = 9", "seed = 1"))
    found = search(plan, tmp_path / "out", trials=5)
    failed = [t for t in found.trials if t.drawn["learning_rate"] == 1e30]
    assert failed
    assert {t.status for t in failed} == {"failed"}
    assert "must be finite" in failed[0].error
    assert found.best.drawn == {"learning_rate": 0.002}


def test_pruning_stops_what_is_behind_and_the_best_stays(write, tmp_path):
    space = "learning_rate = {low = 1e-5, high = 3e-2, log = true}"
    top = "seed = 4\n"
    path = write(space, "epochs = 6", top + "pruning = {startup_trials = 2, warmup_epochs = 0}")
    pruned = search(path, tmp_path / "pruned", trials=8)
    whole = search(path, tmp_path / "whole", trials=8, prune=False)
    assert {t.epochs for t in whole.trials} == {6}
    assert {t.status for t in whole.trials} == {"done"}
    stopped = [t for t in pruned.trials if t.status == "pruned"]
    assert stopped
    assert all(t.epochs < 6 and t.number >= 2 for t in stopped)
    # those that never were behind the median are what they are without pruning
    assert outcomes(pruned)[:2] == outcomes(whole)[:2]
    # a stopped trial's last value is worse than the median of the others at that epoch
    journal = (tmp_path / "pruned" / "journal.log").read_text().splitlines()
    looks = {}
    for line in map(json.loads, journal):
        if line["op_code"] == 7:
            values = looks.setdefault(line["trial_id"], {})
            values[line["step"]] = line["intermediate_value"]
    first = stopped[0]
    others = [looks[n][first.epochs] for n in range(first.number) if first.epochs in looks[n]]
    assert max(looks[first.number].values()) < np.median(others)


@pytest.mark.parametrize("name", objectives())
def test_every_objective_is_a_finite_number(name, folder):
    corpus = Corpus.open(folder / "docs")
    model = TopicModel("nvdm-gsm", n_topics=3, epochs=1).fit(corpus)
    value = Measure(name)(model, Corpus.open(folder / "more"))
    assert math.isfinite(value)
    assert Measure(name).higher_is_better == (name != "perplexity")


def test_words_ranked_by_association_count_where_words_are_measured(write, tmp_path):
    plan = read_plan(write(RATE, "epochs = 1\nranking = 'association'", "objective = 'npmi'"))
    trial = search(plan, tmp_path / "out", trials=1).best
    train, held_out = plan.corpora["docs"].split(0.2, 0)
    model = TopicModel(**trial.settings, seed=0).fit(train)
    assert trial.value == Measure("npmi")(model, held_out)
    assert trial.settings["ranking"] == "association"


def test_of_several_corpora_the_mean_counts(write, tmp_path):
    corpora = "docs = {train = 'docs', held_out = 'more'}\nmore = 'more'"
    plan = read_plan(write(RATE, "epochs = 2", corpora=corpora))
    trial = search(plan, tmp_path / "out", trials=1).best
    values = []
    for held in plan.corpora.values():
        train, held_out = held.split(0.2, 0)
        values.append(TopicModel(**trial.settings, seed=0).fit(train).score(held_out))
    assert trial.value == pytest.approx(np.mean(values), rel=1e-12)
    assert trial.epochs == trial.planned == 4


def test_perplexity_is_to_be_small(write, tmp_path):
    plan = read_plan(write(RATE, "epochs = 1", "objective = 'perplexity'"))
    found = search(plan, tmp_path / "out", trials=4)
    assert found.best.value == min(t.value for t in found.trials if t.status == "done")


def test_the_report_is_read_by_the_other_commands(write, tmp_path):
    import tomllib

    from topicforge.cli.settings import read_config
    from topicforge.experiments.compare import read_plan as read_study

    space = f"{RATE}\nencoder.hidden = {{choices = [[10], [20, 20]]}}"
    rules = "epochs = 1\nregularisers = ['warm-up', ['free-bits', {nats = 1.5}]]"
    plan = read_plan(write(space, rules))
    found = search(plan, tmp_path / "out", trials=4)
    written = write_report(tmp_path / "out", plan, found)
    assert [p.name for p in written] == ["trials.json", "trials.csv", "best.toml", "compare.toml"]
    read = read_config(tmp_path / "out" / "best.toml")
    assert TopicModel(**read).get_params(deep=False) == (
        TopicModel(**found.best.settings, seed=0).get_params(deep=False)
    )
    study = read_study(tmp_path / "out" / "compare.toml")
    assert set(study.compositions) == {"searched", "start"}
    assert study.n_topics == (3,)
    rows = json.loads((tmp_path / "out" / "trials.json").read_text())
    assert [row["value"] for row in rows] == [t.value for t in found.trials]
    table = (tmp_path / "out" / "trials.csv").read_text().splitlines()
    assert len(table) == 5
    assert tomllib.loads((tmp_path / "out" / "best.toml").read_text())["n_topics"] == 3
    assert math.isclose(sum(found.importance.values()), 1.0)


@pytest.mark.parametrize("wrong", [{"trials": 0}, {"jobs": 0}, {"trials": 1.5}])
def test_numbers_below_one_are_refused(write, tmp_path, wrong):
    with pytest.raises(OptionError, match="at least 1"):
        search(write(RATE, "epochs = 1"), tmp_path / "out", **wrong)


def test_without_optuna_the_extra_is_named(write, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'topicforge\[search\]'"):
        search(write(RATE, "epochs = 1"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_optuna_is_loaded_by_a_search_alone():
    code = "import sys, topicforge.experiments.search; assert 'optuna' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_folder_serves_one_search(write, tmp_path):
    search(write(RATE, "epochs = 1"), tmp_path / "out", trials=1)
    with pytest.raises(OutputError, match="another search, with other settings, seed"):
        search(write(RATE, "epochs = 2", "seed = 9"), tmp_path / "out", trials=1)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds 'thesis\.txt'"):
        search(write(RATE), tmp_path / "mine", trials=1)


def test_the_same_settings_are_not_trained_twice(write, tmp_path):
    plan = read_plan(write("n_latent = {choices = [3, 4]}", "epochs = 2"))
    found = search(plan, tmp_path / "out", trials=6)
    first = {t.drawn["n_latent"]: t for t in reversed(found.trials)}
    assert [t.epochs for t in found.trials if t.same_as is None] == [2] * len(first)
    for trial in found.trials:
        if trial.same_as is not None:
            known = first[trial.drawn["n_latent"]]
            assert (trial.same_as, trial.value) == (known.number, known.value)
            assert (trial.epochs, trial.planned) == (0, 2)
    assert sum(t.same_as is not None for t in found.trials) == 6 - len(first)
    assert len(found.ranked) == len(first)


def test_a_fixed_option_holds_where_the_part_has_it(write, tmp_path):
    space = "prior = {choices = ['gaussian', 'dirichlet']}"
    plan = read_plan(write(space, "epochs = 1\nlink = 'softmax'\nprior__concentration = 0.3"))
    found = search(plan, tmp_path / "out", trials=6)
    assert {t.drawn["prior"] for t in found.trials} == {"gaussian", "dirichlet"}
    for trial in found.trials:
        assert trial.status == "done"
        held = trial.settings.get("prior__concentration")
        assert held == (0.3 if trial.drawn["prior"] == "dirichlet" else None)


def test_pretraining_counts_as_epochs_and_rules_may_be_drawn(write, tmp_path):
    space = "regularisers = {choices = [[], ['warm-up', ['free-bits', {nats = 1.0}]]]}"
    plan = read_plan(write(space, "epochs = 2\ntraining.pretrain_epochs = 3"))
    found = search(plan, tmp_path / "out", trials=4)
    axis = plan.space["regularisers"]
    assert {axis.label(t.drawn["regularisers"]) for t in found.trials} == set(axis.labels)
    for trial in found.trials:
        assert trial.planned == 5
        assert trial.epochs == (5 if trial.same_as is None else 0)
        train, held_out = plan.corpora["docs"].split(0.2, 0)
        model = TopicModel(**trial.settings, seed=0).fit(train)
        assert trial.value == model.score(held_out)
