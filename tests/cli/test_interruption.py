import json
import signal
import sys

import pytest

import topicforge

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


@pytest.fixture(autouse=True)
def interruptible():
    """Tests that run in the background inherit an ignored SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def until(process, start):
    """Read standard error up to the line that starts with ``start``."""
    for line in process.stderr:
        if line.startswith(start):
            return
    raise AssertionError(f"ended with {process.wait()} before {start!r}")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda s: s.name)
def test_an_interrupted_training_leaves_a_usable_model(spawn, ended, corpus, tmp_path, number):
    output = tmp_path / "M"
    process = spawn("train", corpus, "-k", 3, "--epochs", 100_000, "-o", output, "--json")
    until(process, "train 3/")
    process.send_signal(number)
    process.send_signal(number)  # the impatient press twice; the save must not be cut
    ran = ended(process)
    assert ran.code == 130
    assert ran.json["interrupted"] is True
    assert "interrupted" in ran.err
    assert "Traceback" not in ran.err
    fitted = topicforge.load(output)
    assert len(fitted.history_) >= 3
    assert fitted.history_[-1].epoch == ran.json["last_epoch"]["epoch"]
    assert fitted.transform(topicforge.corpus.Corpus.open(corpus)).shape == (300, 3)
    assert json.loads((output / "model.json").read_text())["unfinished"] is True
    assert fitted.unfinished_
    assert {path.name for path in tmp_path.iterdir()} == {"M", ".M-training"}, (
        "and goes on from there"
    )


def test_an_interrupted_training_goes_on_with_the_same_command(spawn, ended, run, corpus, tmp_path):
    output = tmp_path / "M"
    command = ("train", corpus, "-k", 3, "--epochs", 2000, "-o", output, "--checkpoint-every", 0)
    process = spawn(*command)
    until(process, "train 3/")
    process.send_signal(signal.SIGTERM)
    assert ended(process).code == 130
    reached = len(topicforge.load(output).history_)
    assert (tmp_path / ".M-training" / "checkpoint.json").is_file()
    other = run("train", corpus, "-k", 2, "--epochs", 1, "-o", output)
    assert other.code == 1
    assert "is of another training" in other.error
    process = spawn(*command)
    until(process, "going on from")
    until(process, f"train {reached + 2}/")
    process.send_signal(signal.SIGINT)
    assert ended(process).code == 130
    assert len(topicforge.load(output).history_) > reached


@pytest.mark.parametrize("steps", [1, 30])
def test_sigterm_before_the_first_checkpoint_writes_one(spawn, ended, corpus, tmp_path, steps):
    """Those of the clock come a minute apart; the end is that of an undisturbed training."""
    output = tmp_path / "M"
    command = (
        "train",
        corpus,
        "-k",
        3,
        "--epochs",
        6000,
        "--batch-size",
        300 // steps,
        "-o",
        output,
    )
    process = spawn(*command)
    until(process, "train 1/")
    process.send_signal(signal.SIGTERM)
    assert ended(process).code == 130
    reached = json.loads((tmp_path / ".M-training" / "checkpoint.json").read_text())["state"]
    assert reached["epoch"] == len(topicforge.load(output).history_) >= 1
    process = spawn(*command)
    until(process, "going on from")
    until(process, f"train {reached['epoch'] + 1}/")
    process.send_signal(signal.SIGTERM)
    assert ended(process).code == 130


def test_an_interruption_in_the_first_epoch_goes_on_bit_for_bit(run, corpus, tmp_path, monkeypatch):
    from topicforge.training import Trainer

    command = ("train", corpus, "-k", 3, "--epochs", 2, "--batch-size", 50)
    assert run(*command, "-o", tmp_path / "whole").code == 0
    step = Trainer._step
    done = []

    def third(self, *arguments, **options):
        done.append(1)
        if len(done) == 3:
            signal.raise_signal(signal.SIGTERM)
        return step(self, *arguments, **options)

    monkeypatch.setattr(Trainer, "_step", third)
    ran = run(*command, "-o", tmp_path / "M")
    assert ran.code == 1
    assert "before the first epoch ended" in ran.error
    assert "the same command goes on from there" in ran.error
    assert len(done) == 3
    ran = run(*command, "-o", tmp_path / "M")
    assert ran.code == 0
    assert len(done) == 3 + 12 - 3
    for name in ("weights.safetensors", "topics.safetensors"):
        assert (tmp_path / "M" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_finished_model_is_replaced_with_force_alone(run, corpus, tmp_path):
    output = tmp_path / "M"
    run("train", corpus, "-k", 2, "--epochs", 1, "-o", output)
    assert not topicforge.load(output).unfinished_
    ran = run("train", corpus, "-k", 2, "--epochs", 1, "-o", output)
    assert ran.code == 2
    assert "pass --force" in ran.error
    assert [path.name for path in tmp_path.iterdir()] == ["M"]


def test_of_two_trainings_of_one_model_one_is_refused_at_once(spawn, ended, run, corpus, tmp_path):
    output = tmp_path / "M"
    process = spawn("train", corpus, "-k", 3, "--epochs", 100_000, "-o", output)
    until(process, "train 1/")
    ran = run("train", corpus, "-k", 3, "--epochs", 1, "-o", output)
    assert ran.code == 1
    assert f"M: in use by process {process.pid} of" in ran.error
    process.send_signal(signal.SIGINT)
    assert ended(process).code == 130
    assert topicforge.load(output).unfinished_


def test_an_interrupted_replacement_is_whole(spawn, ended, run, corpus, tmp_path):
    output = tmp_path / "M"
    run("train", corpus, "-k", 2, "--epochs", 1, "-o", output)
    process = spawn("train", corpus, "-k", 3, "--epochs", 100_000, "-o", output, "--force")
    until(process, "train 1/")
    assert topicforge.load(output).n_topics == 2, "the old model stays until the new one is whole"
    process.send_signal(signal.SIGINT)
    assert ended(process).code == 130
    assert topicforge.load(output).n_topics == 3


def test_nothing_is_written_where_there_is_no_model_yet(run, corpus, tmp_path, monkeypatch):
    from topicforge.training import Trainer

    def interrupted(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Trainer, "_pretrain", interrupted)
    ran = run("train", corpus, "-o", tmp_path / "M")
    assert ran.code == 1
    assert "before the first epoch" in ran.error
    assert not (tmp_path / "M").exists()


def test_handlers_are_put_back(run, corpus, tmp_path):
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    run("train", corpus, "-k", 2, "--epochs", 1, "-o", tmp_path / "M")
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_an_ignored_signal_stays_ignored(run, corpus, tmp_path, monkeypatch):
    """As under nohup: training goes on to its end."""
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        from topicforge.cli.progress import Lines

        reported = Lines.on_epoch_end

        def and_a_signal(self, report):
            signal.raise_signal(signal.SIGTERM)
            reported(self, report)

        monkeypatch.setattr(Lines, "on_epoch_end", and_a_signal)
        assert run("train", corpus, "-k", 2, "--epochs", 2, "-o", tmp_path / "M").code == 0
        assert len(topicforge.load(tmp_path / "M").history_) == 2
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_commands_say_that_they_were_interrupted(run, monkeypatch, model):
    def interrupted(*_, **__):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("topicforge.estimator.saved.read_topics", interrupted)
    ran = run("topics", model)
    assert ran.code == 130
    assert ran.error == "error: interrupted"
