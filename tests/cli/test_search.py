"""The command alone; what it stands on is held in tests/search."""

import pytest

SEARCH = """
trials = 4
[corpora]
docs = {corpus!r}
[settings]
preset = "nvdm-gsm"
n_topics = 3
epochs = 2
[space]
learning_rate = {{low = 1e-4, high = 3e-2, log = true}}
encoder = {{choices = ["mlp", "mlp-point"]}}
"""


@pytest.fixture
def plan(tmp_path, corpus):
    path = tmp_path / "search.toml"
    path.write_text(SEARCH.format(corpus=str(corpus)))
    return path


def test_a_search_its_table_and_a_second_run_that_runs_nothing(plan, run, corpus, tmp_path):
    first = run("search", plan, "--output", tmp_path / "out", "--trials", "6")
    assert first.code == 0
    assert "BEST OF 6 TRIALS" in first.out
    assert "trial 6/6: " in first.err
    # mlp-point has no closed form with kl
    assert "impossible: " in first.err
    assert "WITHOUT A VALUE" in first.out
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files >= {"journal.log", "trials.csv", "trials.json", "best.toml", "compare.toml"}
    again = run("search", plan, "--output", tmp_path / "out", "--json")
    assert again.code == 0
    assert "trial 1/" not in again.err
    best = again.json["best"]
    assert best["value"] == max(t["value"] for t in again.json["trials"] if t["value"] is not None)
    assert (again.json["objective"], again.json["direction"]) == ("log_likelihood", "maximize")
    trained = run(
        "train", corpus, "--config", tmp_path / "out" / "best.toml", "-o", tmp_path / "MODEL"
    )
    assert trained.code == 0


def test_trials_in_processes_and_without_pruning(plan, run, tmp_path):
    ran = run(
        "search", plan, "-o", tmp_path / "out", "-n", "3", "-j", "2", "--no-pruning", "--json"
    )
    assert ran.code == 0
    assert [t["number"] for t in ran.json["trials"]] == [0, 1, 2]
    for trial in ran.json["trials"]:
        assert (trial["epochs"], trial["planned"]) in ((2, 2), (0, 0), (0, 2))


def test_nothing_that_ran_to_its_end_is_told_and_coded(plan, run, tmp_path):
    plan.write_text(plan.read_text().replace("epochs = 2", "epochs = 20\nlearning_rate = 1e30"))
    plan.write_text(
        plan.read_text().replace("learning_rate = {", "batch_size = {choices = [9]} # ")
    )
    ran = run("search", plan, "--output", tmp_path / "out", "--trials", "1")
    assert ran.code == 1
    assert "must be finite" in ran.out
    assert "no trial ran to its end" in ran.err


def test_a_wrong_file_is_a_wrong_command(plan, run, tmp_path):
    plan.write_text(plan.read_text().replace("learning_rate", "learning_rat"))
    ran = run("search", plan, "--output", tmp_path / "out")
    assert ran.code == 2
    assert "Did you mean 'learning_rate'" in ran.error
    assert not (tmp_path / "out").exists()
