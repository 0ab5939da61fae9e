"""A training that is killed and started again ends as an undisturbed one, bit for bit."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import scipy.sparse as sp
import torch

from topicforge import TopicModel
from topicforge.errors import CallbackError, CheckpointError
from topicforge.plugin import Callback

COUNTS = sp.csr_array(np.random.default_rng(0).poisson(0.4, (120, 40)))

SETTINGS = {
    "kl": {"preset": "nvdm-gsm", "encoder__hidden": (20,), "decoder__width": 10},
    "mmd": {"preset": "w-lda", "encoder__hidden": (20,)},
    "default": {},
    "gmm": {
        "preset": "gmntm", "encoder__hidden": (20,), "decoder__width": 10, "training__pretrain_epochs": 2,
        "prior__fit_documents": 100,
    },
    "d-vae": {"preset": "d-vae", "encoder__hidden": (20,)},
    "watched": {"training": {"validation_fraction": 0.2, "patience": 2}, "learning_rate": 0.3},
    "gathered": {"training__accumulate": 3, "optimiser__gradient_clip": 1.0},
}  # fmt: skip


def model(name, **more):
    return TopicModel(**{"n_topics": 4, "epochs": 4, "batch_size": 25, **SETTINGS[name], **more})


class StopAt(Callback):
    """Raises after so many steps, as a kill would come: nothing of the fit is kept."""

    def __init__(self, steps):
        self.left = steps

    def on_step_end(self, step, terms):
        del step, terms
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt


def parameters(fitted):
    return {k: v.clone() for k, v in fitted.network_.state_dict().items()}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("steps", [1, 7])
def test_going_on_from_a_checkpoint_ends_as_an_undisturbed_fit(tmp_path, name, steps):
    whole = model(name).fit(COUNTS)
    cut = model(name, callbacks=[StopAt(steps)])
    with pytest.raises(KeyboardInterrupt):
        cut.fit(COUNTS, checkpoint=tmp_path / "c", checkpoint_every=0)
    again = model(name).fit(COUNTS, checkpoint=tmp_path / "c", checkpoint_every=0)
    wanted, found = parameters(whole), parameters(again)
    assert wanted.keys() == found.keys()
    for key in wanted:
        assert torch.equal(wanted[key], found[key]), key
    for a, b in zip(whole.history_, again.history_, strict=True):
        assert (a.loss, a.active_topics, a.validation_loss) == (
            b.loss, b.active_topics, b.validation_loss,
        )  # fmt: skip
    assert np.array_equal(whole.word_scores_, again.word_scores_)


SCRIPT = """
import sys
import numpy as np, scipy.sparse as sp
from topicforge import TopicModel
counts = sp.csr_array(np.random.default_rng(0).poisson(0.4, (120, 40)))
model = TopicModel(n_topics=4, epochs=int(sys.argv[2]), batch_size=25)
model.fit(counts, checkpoint=sys.argv[1] or None, checkpoint_every=0)
np.savez(sys.argv[3], **{k: v.numpy() for k, v in model.network_.state_dict().items()})
"""


@pytest.mark.skipif(os.name != "posix", reason="kills a process")
def test_kill_minus_nine_in_the_middle_of_training(tmp_path):
    epochs = "60"

    def run(checkpoint, out):
        return [sys.executable, "-c", SCRIPT, str(checkpoint), epochs, str(tmp_path / out)]

    subprocess.run(run("", "whole.npz"), check=True)
    folder = tmp_path / "c"
    victim = subprocess.Popen(run(folder, "never.npz"))
    while not (folder / "checkpoint.json").is_file() or (
        json.loads((folder / "checkpoint.json").read_text())["state"]["epoch"] < 3
    ):
        assert victim.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    assert not (tmp_path / "never.npz").exists()
    stood = json.loads((folder / "checkpoint.json").read_text())["state"]["epoch"]
    assert 3 <= stood < 60
    subprocess.run(run(folder, "again.npz"), check=True)
    whole, again = np.load(tmp_path / "whole.npz"), np.load(tmp_path / "again.npz")
    for key in whole.files:
        np.testing.assert_array_equal(whole[key], again[key])


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    model("default").fit(COUNTS, checkpoint=tmp_path / "c", checkpoint_every=0)
    with pytest.raises(CheckpointError, match=r"its learning_rate is 0\.005, here it is 0\.1"):
        model("default", learning_rate=0.1).fit(COUNTS, checkpoint=tmp_path / "c")
    with pytest.raises(CheckpointError, match="is of another training"):
        model("default").fit(COUNTS[:100], checkpoint=tmp_path / "c")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda file, _: file.write_text("{"), "can't be read"),
        (lambda file, _: file.write_text("[]"), "must be of format 3"),
        (lambda file, _: file.write_text('{"format": 3, "run": 3}'), "must hold"),
        (lambda _, tensors: tensors.write_bytes(tensors.read_bytes()[:-9]), "not what was"),
        (lambda _, tensors: tensors.unlink(), "do not belong together"),
    ],
)
def test_a_damaged_checkpoint_is_named(tmp_path, damage, says):
    folder = tmp_path / "c"
    model("default").fit(COUNTS, checkpoint=folder, checkpoint_every=0)
    damage(folder / "checkpoint.json", next(folder.glob("*.safetensors")))
    with pytest.raises(CheckpointError, match=says):
        model("default").fit(COUNTS, checkpoint=folder)


def test_going_on_with_another_number_of_threads_is_said(tmp_path):
    threads = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        model("default", callbacks=[StopAt(3)]).fit(
            COUNTS, checkpoint=tmp_path / "c", checkpoint_every=0
        )
    torch.set_num_threads(threads + 1)
    try:
        with pytest.warns(
            UserWarning, match=rf"with threads {threads + 1} instead of {threads}, so .* last bits"
        ):
            again = model("default").fit(COUNTS, checkpoint=tmp_path / "c")
    finally:
        torch.set_num_threads(threads)
    assert again.machine_["threads"] == threads + 1


def test_a_folder_serves_one_training_at_a_time(tmp_path):
    class Second(Callback):
        def on_epoch_end(self, report):
            if report.epoch == 2:
                model("default").fit(COUNTS, checkpoint=tmp_path / "c")

    with pytest.raises(CallbackError, match=r"StorageError: .*c: in use by process \d+ of"):
        model("default", callbacks=[Second()]).fit(COUNTS, checkpoint=tmp_path / "c")
    model("default").fit(COUNTS, checkpoint=tmp_path / "c", checkpoint_every=0)


def test_one_file_of_tensors_is_kept(tmp_path):
    model("default").fit(COUNTS, checkpoint=tmp_path / "c", checkpoint_every=0)
    assert len(list((tmp_path / "c").iterdir())) == 2


def test_no_checkpoint_before_its_time(tmp_path):
    model("default").fit(COUNTS, checkpoint=tmp_path / "c", checkpoint_every=3600)
    assert not (tmp_path / "c").exists()
