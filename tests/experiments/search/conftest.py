from pathlib import Path

import numpy as np
import pytest

from topicforge.corpus import Corpus, Counts

WORDS = tuple(f"word{v}" for v in range(30))


@pytest.fixture(scope="session")
def folder(tmp_path_factory, lda_corpus) -> Path:
    """A corpus of 90 documents in three topics, and one of 30 more."""
    place = tmp_path_factory.mktemp("search")
    counts, _ = lda_corpus(120, 30, 3, 40, seed=0)
    for name, rows in (("docs", np.arange(90)), ("more", np.arange(90, 120))):
        labels = tuple(f"group{d % 3}" for d in rows)
        Corpus(Counts.from_matrix(counts[rows], "test"), WORDS, labels, name).save(place / name)
    Corpus(Counts.from_matrix(counts[:20], "test"), name="bare").save(place / "bare")
    return place


@pytest.fixture
def write(folder, tmp_path):
    """Write a search and return its path; the corpora are named by whole paths."""

    def write(
        space: str, settings: str = "", top: str = "", corpora: str = "docs = 'docs'"
    ) -> Path:
        for name in ("docs", "more", "bare"):
            corpora = corpora.replace(f"'{name}'", f"'{folder / name}'")
        path = tmp_path / "search.toml"
        path.write_text(
            f"{top}\n[corpora]\n{corpora}\n[settings]\npreset = 'nvdm-gsm'\nn_topics = 3\n"
            f"{settings}\n[space]\n{space}\n",
            encoding="utf-8",
        )
        return path

    return write
