import multiprocessing
from contextlib import closing

import pytest
import torch

from topicforge.experiments.search import Held, Measure
from topicforge.experiments.search.trial import Task, run_trial
from topicforge.experiments.search.workers import Workers


@pytest.fixture
def one_thread():
    """As each of the processes has: the number of threads decides how sums are rounded."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_processes_give_what_this_one_gives_and_one_that_dies_fails_its_trial(folder, monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1})
    corpora = {"docs": Held.look(folder / "docs", folder / "more", "test")}

    def task(epochs):
        settings = {"preset": "nvdm-gsm", "n_topics": 3, "epochs": epochs}
        return Task(settings, corpora, Measure("log_likelihood"), 0, 0.2)

    looks, ended = {"quick": [], "endless": [], "stopped": []}, {}

    def look(trial, step, value):
        looks[trial].append((step, value))
        if trial == "endless" and step == 3:
            worker = next(w for w in workers._workers if w.trial == "endless")
            worker.process.kill()
        return trial == "stopped"

    def end(trial, outcome):
        ended[trial] = outcome

    tasks = {"endless": task(1_000_000), "quick": task(2), "stopped": task(3)}
    with closing(Workers(2)) as workers:
        workers.run(iter(tasks.items()), look, end)
    assert multiprocessing.active_children() == []
    assert ended["endless"].status == "failed"
    assert "exit code -9" in ended["endless"].error
    here = []
    known = run_trial(tasks["quick"], lambda *given: bool(here.append(given)))
    assert (ended["quick"].value, ended["quick"].epochs) == (known.value, 2)
    assert looks["quick"] == here
    assert (ended["stopped"].status, ended["stopped"].epochs) == ("pruned", 1)
    assert ended["stopped"].planned == 3
