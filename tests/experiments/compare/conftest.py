from pathlib import Path

import numpy as np
import pytest

from topicforge.corpus import Corpus, Counts

WORDS = tuple(f"word{v}" for v in range(30))


@pytest.fixture
def corpora(tmp_path, lda_corpus) -> Path:
    """Two small corpora, a train and a test folder each."""
    for seed, name in enumerate(("first", "second")):
        counts, _ = lda_corpus(120, 30, 3, 40, seed=seed)
        labels = tuple(f"group{d % 3}" for d in range(120))
        for split, rows in (("train", np.arange(80)), ("test", np.arange(80, 120))):
            chosen = Counts.from_matrix(counts[rows], "test")
            Corpus(chosen, WORDS, tuple(labels[i] for i in rows)).save(tmp_path / f"{name}-{split}")
    return tmp_path


@pytest.fixture
def study(corpora):
    """Write a study beside the corpora and return its path."""

    def write(text: str, *, both: bool = False) -> Path:
        tables = '[corpora.first]\ntrain = "first-train"\nheld_out = "first-test"\n'
        if both:
            tables += '[corpora.second]\ntrain = "second-train"\nheld_out = "second-test"\n'
        path = corpora / "study.toml"
        path.write_text(f"{text}\n{tables}", encoding="utf-8")
        return path

    return write
