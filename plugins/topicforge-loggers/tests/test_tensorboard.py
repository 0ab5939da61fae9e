"""Event files read back by TensorBoard's own reader."""

import sys

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.util.tensor_util import make_ndarray
from topicforge.plugin import OptionError, TopicForgeError

from topicforge_loggers.tensorboard import TensorBoardLogger

NUMBERS = ("loss", "reconstruction", "divergence", "divergence_weight", "active_topics",
           "documents_per_second", "learning_rate")  # fmt: skip


def read(folder):
    """Tag -> (step, value) pairs, and the settings as the rows of their table."""
    events = EventAccumulator(str(folder)).Reload()
    tags = events.Tags()
    values = {tag: [(e.step, e.value) for e in events.Scalars(tag)] for tag in tags["scalars"]}
    texts = [make_ndarray(e.tensor_proto) for t in tags["tensors"] for e in events.Tensors(t)]
    table = [
        line.strip("| ").split(" | ") for text in texts for line in text[0].decode().splitlines()
    ]
    return values, dict(row for row in table if len(row) == 2)


def rounded(pairs):
    """What a float32 holds of each value, to the last bit."""
    return [(step, float(np.float32(value))) for step, value in pairs]


def test_every_number_of_every_epoch_is_there_exactly(counts, small, expected, tmp_path):
    logger = ("tensorboard", {"log_dir": str(tmp_path), "run_name": "one"})
    training = {"validation_fraction": 0.2, "pretrain_epochs": 2}
    model = small(logger, preset="gmntm", training=training).fit(counts)
    values, settings = read(tmp_path / "one")
    phases = {report.phase for report in model.history_}
    assert phases == {"pretrain", "train"}
    for phase in phases:
        for name in NUMBERS:
            assert values[f"{phase}/{name}"] == rounded(expected(model.history_, phase, name))
    assert values["train/validation_loss"] == rounded(
        expected(model.history_, "train", "validation_loss")
    )
    assert "pretrain/validation_loss" not in values
    assert settings["preset"] == "gmntm"
    assert settings["prior"] == "gmm"
    assert settings["learning_rate"] == repr(model.settings_.training.learning_rate)
    assert (settings["n_documents"], settings["vocab_size"]) == ("60", "12")


def test_an_interrupted_fit_leaves_a_closed_and_complete_file(
    counts, small, interrupt, expected, tmp_path
):
    logger = TensorBoardLogger(log_dir=str(tmp_path), run_name="one")
    model = small(logger, interrupt)
    with pytest.raises(KeyboardInterrupt):
        model.fit(counts)
    assert logger._writer is None
    assert read(tmp_path / "one")[0]["train/loss"] == rounded(
        expected(model.history_, "train", "loss")
    )
    assert len(model.history_) == 2


def test_fits_without_a_name_do_not_share_a_folder(counts, small, tmp_path):
    model = small(("tensorboard", {"log_dir": str(tmp_path)}), epochs=1)
    model.fit(counts)
    model.fit(counts)
    assert len(list(tmp_path.iterdir())) == 2


def test_partial_fit_is_on_disk_after_each_epoch(counts, small, expected, tmp_path):
    model = small(("tensorboard", {"log_dir": str(tmp_path), "run_name": "one"}))
    for _ in range(3):
        model.partial_fit(counts)
        values, _ = read(tmp_path / "one")
        assert values["train/loss"] == rounded(expected(model.history_, "train", "loss"))


@pytest.mark.parametrize(
    "options", [{"log_dir": None}, {"log_dir": ""}, {"run_name": 3}, {"log_dir": 3}]
)
def test_options_that_are_no_texts(options):
    with pytest.raises(OptionError, match="must be a"):
        TensorBoardLogger(**options)


def test_without_the_library_it_says_what_to_install(counts, small, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(TopicForgeError, match=r"pip install 'topicforge-loggers\[tensorboard\]'"):
        small("tensorboard").fit(counts)
