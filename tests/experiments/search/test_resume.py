"""A search that was stopped, however hard, goes on with the trials that are done."""

import json
import pickle
import signal
import subprocess
import sys
import time

import pytest
from optuna.storages.journal import JournalFileBackend

from topicforge.errors import StorageError
from topicforge.experiments.search import read_plan, search

SPACE = """
learning_rate = {low = 1e-4, high = 3e-2, log = true}
batch_size = {low = 10, high = 50, step = 10}
prior = {choices = ["gaussian", "dirichlet"]}
prior__concentration = {low = 0.1, high = 1.0}
"""
TOP = "seed = 3\ntrials = 8\n"
#: so that the sampler has finished trials to learn from, and trials are stopped
PRUNED = TOP + "pruning = {startup_trials = 2, warmup_epochs = 0}"


def ended(found):
    return [(t.status, t.value, dict(t.drawn), t.epochs, t.planned) for t in found.trials]


def drawn(found):
    return [tuple(sorted(t.drawn.items())) for t in found.trials if t.same_as is None]


@pytest.fixture
def plan(write):
    return read_plan(write(SPACE, "epochs = 2\nlink = 'softmax'", PRUNED))


def test_an_undisturbed_search_repeats(plan, tmp_path):
    first = ended(search(plan, tmp_path / "one"))
    assert ended(search(plan, tmp_path / "two")) == first
    assert {status for status, *_ in first} == {"done", "pruned"}


def test_a_journal_cut_anywhere_is_taken_up_with_what_is_done(plan, tmp_path):
    whole = search(plan, tmp_path / "whole")
    text = (tmp_path / "whole" / "journal.log").read_bytes()
    lines = text.splitlines(keepends=True)
    repeated = []
    # in the middle of lines and behind them: drawing, reporting, ending, telling
    for number in range(1, len(lines), len(lines) // 6):
        for cut in (0, 7):
            folder = tmp_path / f"cut-{number}-{cut}"
            search(plan, folder, trials=1)
            kept = b"".join(lines[:number])
            kept = kept[: len(kept) - cut]
            (folder / "journal.log").write_bytes(kept)
            # a process that was killed has left Optuna's own lock, too
            (folder / "journal.log.lock").symlink_to(folder / "journal.log")
            outcomes = kept.count(b'"outcome"')
            known = [json.loads(line) for line in kept.splitlines() if line.endswith(b"}")]
            seen = []
            found = search(plan, folder, on_done=lambda trial, seen=seen: seen.append(trial))
            assert len(found.trials) == 8
            assert len(seen) == 8 - outcomes
            assert {t.status for t in found.trials} <= {"done", "pruned"}
            assert len(set(drawn(found))) == len(drawn(found))
            # the trial that was running has the values that were drawn for it
            for line in known:
                if line["op_code"] == 5 and line["trial_id"] == outcomes:
                    name = line["param_name"]
                    assert found.trials[outcomes].drawn[name] == whole.trials[outcomes].drawn[name]
                    repeated.append(name)
    assert len(set(repeated)) > 2


def test_kill_minus_nine_in_the_middle_of_a_trial(write, tmp_path):
    path = write(SPACE, "epochs = 3\nlink = 'softmax'", PRUNED)
    code = (
        "import sys, time\n"
        "from topicforge.experiments.search import search\n"
        "import topicforge.experiments.search.measure as m\n"
        "real, m.Measure.__call__ = m.Measure.__call__, None\n"
        "def slow(self, *given):\n"
        "    time.sleep(0.02)\n"
        "    return real(self, *given)\n"
        "m.Measure.__call__ = slow\n"
        f"search({str(path)!r}, {str(tmp_path / 'killed')!r}, "
        "on_done=lambda t: print(t.number, flush=True))\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert [child.stdout.readline() for _ in range(4)] == [f"{n}\n" for n in range(4)]
    time.sleep(0.03)
    child.send_signal(signal.SIGKILL)
    rest = child.stdout.read().split()
    child.stdout.close()
    assert child.wait() == -signal.SIGKILL
    again = []
    found = search(path, tmp_path / "killed", on_done=again.append)
    assert len(found.trials) == 8
    assert len(again) == 4 - len(rest)
    assert not {t.number for t in again} & {0, 1, 2, 3, *map(int, rest)}
    whole = search(path, tmp_path / "whole")
    assert ended(found)[: 4 + len(rest)] == ended(whole)[: 4 + len(rest)]


def test_an_interruption_loses_the_running_trial_alone(plan, tmp_path):
    def stop(trial):
        if trial.number == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        search(plan, tmp_path / "out", on_done=stop)
    again = []
    search(plan, tmp_path / "out", trials=5, on_done=lambda t: again.append(t.number))
    assert again == [3, 4]


def test_nothing_is_unpickled(plan, tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("something was unpickled")

    search(plan, tmp_path / "out", trials=2)
    monkeypatch.setattr(pickle, "loads", refuse)
    monkeypatch.setattr(pickle, "load", refuse)
    monkeypatch.setattr(pickle, "Unpickler", refuse)
    assert len(search(plan, tmp_path / "out", trials=3).trials) == 3


def test_a_second_process_is_kept_out(plan, tmp_path):
    def second(_):
        with pytest.raises(StorageError, match="in use by process"):
            search(plan, tmp_path / "out")
        seen.append(True)

    seen = []
    search(plan, tmp_path / "out", trials=1, on_done=second)
    assert seen


@pytest.fixture
def journal(plan, tmp_path):
    search(plan, tmp_path / "out", trials=3)
    return tmp_path / "out" / "journal.log"


def lines_of(journal):
    return [json.loads(line) for line in journal.read_text().splitlines()]


def put(journal, lines):
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))


def set_first(key, value, op_code):
    def change(lines):
        next(line for line in lines if line["op_code"] == op_code)[key] = value
        return lines

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda lines: [*lines, {}],
        lambda lines: [*lines, [1, 2]],
        lambda lines: [*lines, None],
        set_first("directions", "all", 0),
        set_first("distribution", "{}", 5),
        set_first("distribution", '{"name": "os.system", "attributes": {}}', 5),
        set_first("param_name", "epochs", 5),
        set_first("param_value_internal", 99, 5),
        set_first("param_value_internal", "x", 5),
        set_first("user_attr", {"outcome": {"status": "done", "odd": 1}}, 8),
        set_first("user_attr", {"outcome": 3}, 8),
        set_first("state", 77, 6),
    ],
)
def test_a_damaged_journal_is_refused_in_one_sentence(plan, journal, change):
    put(journal, change(lines_of(journal)))
    before = journal.read_bytes()
    with pytest.raises(StorageError, match="damaged, or of another program"):
        search(plan, journal.parent)
    assert journal.read_bytes().startswith(before)


@pytest.mark.parametrize(
    "text", [b"\xff\xfe\n{}\n", b"[" * 100_000 + b"\n{}\n", b"\0" * 50 + b"\n\n"]
)
def test_bytes_that_are_no_journal_are_refused(plan, journal, text):
    journal.write_bytes(text)
    with pytest.raises(StorageError, match="damaged, or of another program"):
        search(plan, journal.parent)


@pytest.mark.parametrize("text", ["", "[]", "{" * 10_000])
def test_a_damaged_mark_is_refused(plan, journal, text):
    (journal.parent / "search.json").write_text(text)
    with pytest.raises(StorageError, match=r"search\.json: must describe a search"):
        search(plan, journal.parent)


def test_a_full_disk_is_said_and_loses_nothing(plan, tmp_path, monkeypatch):
    whole = search(plan, tmp_path / "whole", trials=3)
    real = JournalFileBackend.append_logs

    def full(self, logs):
        if logs[0].get("step") == 2 and logs[0]["trial_id"] == 1:
            raise OSError(28, "No space left on device")
        real(self, logs)

    with monkeypatch.context() as patched:
        patched.setattr(JournalFileBackend, "append_logs", full)
        with pytest.raises(StorageError, match=r"there is no room \(No space left on device\)"):
            search(plan, tmp_path / "out", trials=3)
    found = search(plan, tmp_path / "out", trials=3)
    assert ended(found)[:2] == ended(whole)[:2]
    assert len(found.trials) == 3


def test_a_callers_own_error_passes(plan, tmp_path):
    def fail(_):
        raise BrokenPipeError("the reader is gone")

    with pytest.raises(BrokenPipeError, match="the reader is gone"):
        search(plan, tmp_path / "out", trials=1, on_done=fail)
