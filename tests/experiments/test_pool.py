import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from topicforge.corpus import Corpus, Counts
from topicforge.experiments.corpus_pair import CorpusPair
from topicforge.experiments.pool import Died, Pool
from topicforge.experiments.search import Measure
from topicforge.experiments.search.trial import TrialTask, run_trial

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes")


def work(task, report):
    """Report the numbers below ``task``; stop where the answer is true."""
    for number in range(task):
        if report(number, os.getpid(), torch.get_num_threads()):
            return "stopped"
        time.sleep(0.01)
    return os.getpid()


def test_a_process_that_dies_costs_its_task_alone(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3})
    reported, ended = {}, {}

    def answer(key, number, process, threads):
        assert threads == 2
        reported.setdefault(key, []).append(number)
        if key == "endless" and number == 3:
            os.kill(process, signal.SIGKILL)
        return key == "stopped"

    def end(key, result):
        ended[key] = result
        if key == "quick":  # a process that dies without a task is replaced, and nobody sees it
            idle = [p for p in multiprocessing.active_children() if p.pid == result]
            idle[0].kill()
            idle[0].join()

    tasks = {"endless": 10**6, "quick": 2, "stopped": 3, "last": 1}
    with Pool(work, 2) as pool:
        pool.run(iter(tasks.items()), end, answer)
    assert multiprocessing.active_children() == []
    assert isinstance(ended["endless"], Died)
    assert "exit code -9" in ended["endless"].error
    assert ended["stopped"] == "stopped"
    assert isinstance(ended["last"], int)
    assert reported == {"endless": [0, 1, 2, 3], "quick": [0, 1], "stopped": [0], "last": [0]}


def test_an_error_of_the_caller_ends_the_processes():
    def fail(*_):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), Pool(work, 2) as pool:
        pool.run(iter({"a": 5, "b": 5}.items()), fail, fail)
    assert multiprocessing.active_children() == []


def test_processes_end_with_a_killed_parent(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "import time\nfrom topicforge.experiments.pool import Pool\n\n"
        "def work(task, report):\n"
        "    report()\n"
        "    time.sleep(600)\n\n"
        "if __name__ == '__main__':\n"
        "    with Pool(work, 2) as pool:\n"
        "        pool.run(iter([(1, 1), (2, 2)]), print, lambda key: print(key, flush=True))\n"
    )
    ours, theirs = os.pipe()
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=theirs)
    os.close(theirs)
    assert {parent.stdout.readline() for _ in range(2)} == {b"1\n", b"2\n"}
    parent.kill()
    parent.wait()
    parent.stdout.close()
    while os.read(ours, 1 << 16):  # ends once the last worker has closed its end
        pass
    os.close(ours)


def test_a_trial_in_a_process_gives_what_it_gives_here(tmp_path, planted):
    counts = planted[0]
    for name, rows in (("docs", slice(0, 90)), ("more", slice(90, 120))):
        Corpus(Counts.from_matrix(counts[rows], "test")).save(tmp_path / name)
    corpora = {"docs": CorpusPair.find(tmp_path / "docs", tmp_path / "more")}
    settings = {"preset": "nvdm-gsm", "n_topics": 3, "epochs": 2}
    task = TrialTask(settings, corpora, Measure("log_likelihood"), 0, 0.2)
    there, here, ended = [], [], []
    with Pool(run_trial, 1) as pool:
        pool.run(
            iter([("it", task)]),
            lambda _, outcome: ended.append(outcome),
            lambda _, *given: bool(there.append(given)),
        )
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(len(os.sched_getaffinity(0)))  # decides how sums are rounded
        known = run_trial(task, lambda *given: bool(here.append(given)))
    finally:
        torch.set_num_threads(before)
    assert (ended[0].value, ended[0].epochs) == (known.value, 2)
    assert there == here
