"""``torchrun -m topicforge train``: several processes on one machine, and one of them dies."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import scipy.sparse as sp

import topicforge
from topicforge.corpus import Corpus, Counts

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kills processes")


@pytest.fixture
def corpus(tmp_path):
    counts = sp.csr_array(np.random.default_rng(0).poisson(0.5, (120, 30)))
    words = tuple(f"word{i}" for i in range(30))
    return Corpus(Counts.from_matrix(counts), words).save(tmp_path / "corpus")


def command(corpus, output, *more, restarts=0):
    return [
        sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2",
        f"--max-restarts={restarts}", "-m", "topicforge", "train", str(corpus), "--output",
        str(output), "--n-topics", "3", "--set", "batch_size=30", *more,
    ]  # fmt: skip


ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1"}


def weights(folder):
    return topicforge.load(folder).network_.state_dict()


def same(first, second, **tolerance):
    for key, value in weights(first).items():
        np.testing.assert_allclose(value, weights(second)[key], **tolerance)


def test_two_processes_write_one_model_and_it_is_that_of_one(corpus, tmp_path):
    ran = subprocess.run(
        command(corpus, tmp_path / "two", "--epochs", "2", "--json"),
        capture_output=True, text=True, env=ENVIRONMENT, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count('"last_epoch"') == 1  # one of them speaks
    assert not (tmp_path / ".two-training").exists()
    alone = [sys.executable, *command(corpus, tmp_path / "one", "--epochs", "2")[6:]]
    subprocess.run(alone, check=True, capture_output=True, env=ENVIRONMENT)
    same(tmp_path / "two", tmp_path / "one", rtol=1e-5, atol=1e-5)


def test_a_worker_that_dies_is_started_again_from_the_last_checkpoint(corpus, tmp_path):
    more = ("--epochs", "40", "--checkpoint-every", "0")
    kept = tmp_path / ".two-training" / "checkpoint.json"
    with (tmp_path / "said.txt").open("w") as said:
        launcher = subprocess.Popen(
            command(corpus, tmp_path / "two", *more, restarts=2),
            stdout=said, stderr=said, env=ENVIRONMENT,
        )  # fmt: skip
        while not kept.is_file():
            assert launcher.poll() is None, (tmp_path / "said.txt").read_text()
            time.sleep(0.02)
        children = subprocess.run(
            ["pgrep", "-P", str(launcher.pid)], capture_output=True, text=True, check=True
        ).stdout.split()
        os.kill(int(children[-1]), signal.SIGKILL)
        assert launcher.wait() == 0, (tmp_path / "said.txt").read_text()
    assert "going on from" in (tmp_path / "said.txt").read_text()
    subprocess.run(
        command(corpus, tmp_path / "whole", *more), check=True, capture_output=True, env=ENVIRONMENT
    )
    same(tmp_path / "two", tmp_path / "whole", rtol=0, atol=0)


def test_kill_minus_nine_then_the_same_command(corpus, tmp_path):
    plain = [sys.executable, *command(corpus, tmp_path / "cut", "--epochs", "60")[6:]]
    first = subprocess.Popen([*plain, "--checkpoint-every", "0"], env=ENVIRONMENT)
    kept = tmp_path / ".cut-training" / "checkpoint.json"
    while not kept.is_file():
        assert first.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    first.kill()
    first.wait()
    assert not (tmp_path / "cut").exists()
    again = subprocess.run(plain, capture_output=True, text=True, check=True, env=ENVIRONMENT)
    assert "going on from" in again.stderr
    assert not kept.parent.exists()
    whole = [sys.executable, *command(corpus, tmp_path / "whole", "--epochs", "60")[6:]]
    subprocess.run(whole, check=True, capture_output=True, env=ENVIRONMENT)
    same(tmp_path / "cut", tmp_path / "whole", rtol=0, atol=0)


def test_an_agent_that_is_killed_leaves_no_workers(corpus, tmp_path):
    ours, theirs = os.pipe()
    launcher = subprocess.Popen(
        command(corpus, tmp_path / "two", "--epochs", "1000000", "--checkpoint-every", "0"),
        stdout=theirs, stderr=theirs, env=ENVIRONMENT,
    )  # fmt: skip
    os.close(theirs)
    kept = tmp_path / ".two-training" / "checkpoint.json"
    while not kept.is_file():
        assert launcher.poll() is None
        time.sleep(0.02)
    launcher.kill()
    launcher.wait()
    while os.read(ours, 1 << 16):  # ends once the last worker has closed its end
        pass
    os.close(ours)


@pytest.mark.parametrize("epoch", [1, 7])
@pytest.mark.parametrize("rank", [0, 1])
def test_a_worker_that_is_killed_after_an_epoch_is_started_again(corpus, tmp_path, epoch, rank):
    more = ("--epochs", "60", "--checkpoint-every", "0")
    kept = tmp_path / ".two-training" / "checkpoint.json"
    with (tmp_path / "output.txt").open("w") as output:
        launcher = subprocess.Popen(
            command(corpus, tmp_path / "two", *more, restarts=1),
            stdout=output, stderr=output, env=ENVIRONMENT,
        )  # fmt: skip
        while f"train {epoch}/" not in (tmp_path / "output.txt").read_text():
            assert launcher.poll() is None, (tmp_path / "output.txt").read_text()
            time.sleep(0.01)
        workers = subprocess.run(
            ["pgrep", "-P", str(launcher.pid)], capture_output=True, text=True, check=True
        ).stdout.split()
        os.kill(int(workers[rank]), signal.SIGKILL)
        assert launcher.wait() == 0, (tmp_path / "output.txt").read_text()
    assert "going on from" in (tmp_path / "output.txt").read_text()
    assert not kept.parent.exists()
    assert not topicforge.load(tmp_path / "two").unfinished_
    assert len(topicforge.load(tmp_path / "two").history_) == 60
