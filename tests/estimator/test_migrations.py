"""Model folders that older versions wrote, kept in tests/fixtures, still open."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from topicforge import load
from topicforge.errors import InputError, ModelFileError
from topicforge.estimator.migrations import MIGRATIONS
from topicforge.estimator.saved import FORMAT, read_topics

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


@pytest.fixture(params=sorted(MIGRATIONS))
def stored(request):
    """A folder of an old format, and what the version that wrote it said of it."""
    folder = FIXTURES / f"model-format-{request.param}"
    return folder, json.loads(folder.with_suffix(".json").read_text())


def test_every_older_format_has_a_migration():
    assert sorted(MIGRATIONS) == list(range(1, FORMAT))


def test_an_old_model_says_what_it_said(stored, tmp_path):
    folder, said = stored
    model = load(folder)
    assert model.topics(4) == said["topics"]
    np.testing.assert_allclose(model.transform(said["texts"]), said["theta"], atol=1e-6)
    assert read_topics(folder).topics(4) == said["topics"]
    # written again it is of the present format, and the same
    model.save(tmp_path / "again")
    assert json.loads((tmp_path / "again" / "model.json").read_text())["format"] == FORMAT
    again = load(tmp_path / "again")
    assert again.topics(4) == said["topics"]
    assert again.ranked_by() == model.ranked_by()


def test_format_1_counted_no_words_by_topic():
    model = load(FIXTURES / "model-format-1")
    assert model.ranked_by() == "association of topic and word over the training documents"
    with pytest.raises(InputError, match="occurrences"):
        model.topics(ranking="association")
    assert [row.share for row in model.topic_table(top=2)] == [None, None]


def test_a_newer_format_is_refused(tmp_path):
    folder = tmp_path / "newer"
    shutil.copytree(FIXTURES / "model-format-1", folder)
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace('"format": 1', '"format": 9'))
    with pytest.raises(ModelFileError, match=r"format from 1 to \d, got 9"):
        load(folder, verify=False)
