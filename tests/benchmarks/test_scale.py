"""The scripts of scale at tiny size: what they write, their tables; never a time."""

import numpy as np
import pytest

from topicforge.corpus import Corpus

TINY = ["--vocabulary", "300", "--words", "8", "--topics", "3", "--hidden", "6", "--batch", "20"]


# ---- documents ----------------------------------------------------------------------------


def test_a_corpus_is_written_in_shards_and_is_whole(script, tmp_path):
    settings = {"vocab_size": 500, "distinct": 9, "shard_documents": 40}
    corpus = script("synthetic").write_corpus(tmp_path / "a", 100, **settings)
    assert [s.n_documents for s in corpus.counts.shards] == [40, 40, 20]
    assert (corpus.counts.lengths() == 9).all()
    Corpus.open(tmp_path / "a", verify=True)  # checksums; words rising within each document
    again = script("synthetic").write_corpus(tmp_path / "b", 100, **settings)
    for name in ("indptr", "indices", "counts"):
        assert np.array_equal(getattr(corpus.counts, name), getattr(again.counts, name))


def test_words_come_as_draws_without_replacement_come(script):
    """Three words of weights 1, 1/2, 1/3, two per document: which is missing, in closed form.

    P(a, b) = p_a p_b / (1 - p_a) + p_b p_a / (1 - p_b).
    """
    p = np.array([6, 3, 2]) / 11
    n = 20_000
    words = script("synthetic").draw(n, np.cumsum(p), 2, np.random.default_rng(0))
    for a, b in ((0, 1), (0, 2), (1, 2)):
        wanted = p[a] * p[b] * (1 / (1 - p[a]) + 1 / (1 - p[b]))
        found = ((words[:, 0] == a) & (words[:, 1] == b)).mean()
        # four standard deviations of a mean of n coins
        assert abs(found - wanted) < 4 * np.sqrt(wanted * (1 - wanted) / n)


def test_rows_left_short_draw_further(script):
    cdf = np.cumsum([0.997, 0.001, 0.001, 0.001])
    words = script("synthetic").draw(50, cdf, 4, np.random.default_rng(0))
    assert (words == np.arange(4)).all()


def test_documents_prints_one_line_per_size_and_two_limits(script, tmp_path, monkeypatch, capsys):
    documents = script("documents")
    options = [*TINY, "--most-epochs", "1"]
    given = documents.parsed(options)
    monkeypatch.setattr(documents, "in_a_process", lambda folder, _: documents.train(folder, given))
    code = documents.main([*options, "--sizes", "60", "120", "--folder", str(tmp_path)])
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[1:3]] == ["60", "120"]
    for line in said[1:3]:
        rate, processor, anonymous, resident = (float(x.replace(",", "")) for x in line.split()[1:])
        assert rate > 0
        assert processor > 0
        assert 0 < anonymous < resident
    assert len(said) == 5
    assert code == any(line.endswith("too much") for line in said)


def test_documents_says_what_falls_or_grows_too_much(script):
    table = script("documents").table
    one = {"rate": 100.0, "processor": 1.0, "anonymous": 500.0, "resident": 900.0}
    held = {**one, "rate": 86.0, "anonymous": 599.0, "resident": 2000.0}
    assert table({10: one, 20: held})[1]
    slow, large = {**held, "rate": 84.0}, {**held, "anonymous": 601.0}
    for missed, at in ((slow, -2), (large, -1)):
        lines, all_held = table({10: one, 20: missed})
        assert not all_held
        assert [line.endswith("too much") for line in lines[-2:]].index(True) - 2 == at


def test_anonymous_memory_is_seen_and_a_mapped_file_is_not(script, tmp_path):
    path = tmp_path / "file.npy"
    np.save(path, np.ones(1 << 22))  # 32 MB
    with script("documents").AnonymousPeak() as read:
        np.load(path, mmap_mode="r").sum()
    with script("documents").AnonymousPeak() as made:
        own = np.ones(1 << 23)  # 64 MB
        made._over.wait(0.1)
    assert own.sum() == 1 << 23
    assert 50 < made.peak - read.peak < 80


# ---- transform ----------------------------------------------------------------------------


def test_transform_compares_shards_and_prints_three_lines(script, monkeypatch, capsys):
    pytest.importorskip("pyarrow")
    transform = script("transform")
    options = [*TINY, "--documents", "90", "--shard", "40"]
    given = transform.parsed(options)
    monkeypatch.setattr(transform, "in_a_process", lambda w, f, _: transform.one(w, f, given))
    code = transform.main(options)
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said[1:]] == ["train", "npy", "parquet"]
    assert all(float(line.split()[1].replace(",", "")) > 0 for line in said[1:])
    assert code == any(line.endswith("too slow") for line in said)


def test_transform_says_what_is_slower_than_training(script):
    lines, held = script("transform").table({"train": 100.0, "npy": 100.0, "parquet": 99.0})
    assert not held
    assert [line.endswith("too slow") for line in lines[1:]] == [False, False, True]


# ---- processes ----------------------------------------------------------------------------


def test_processes_agree_and_print_one_line_per_preset(script, monkeypatch, capsys):
    """Two real processes, against one that is this one; k-means has threads of its own, so without."""
    processes = script("processes")
    options = ["--documents", "60", "--batch", "20", "--words", "8", "--topics", "3",
               "--presets", "etm-paper", "--vocabularies", "200"]  # fmt: skip
    given, started = processes.parsed(options), processes.in_processes
    monkeypatch.setattr(
        processes,
        "in_processes",
        lambda many, *rest: (
            started(many, *rest) if many > 1 else processes.train(rest[0], rest[1], given)
        ),
    )
    processes.main(options)
    said = capsys.readouterr().out.splitlines()
    assert len(said) == 2
    assert said[1].split()[:4] == ["etm-paper", "V", "=", "200"]


def test_processes_want_equal_losses(script, monkeypatch):
    processes = script("processes")
    losses = {1: [10.0, 9.0], 2: [10.0, 9.0 * (1 + 2e-5)]}
    monkeypatch.setattr(
        processes, "in_processes", lambda many, *_: {"losses": losses[many], "rates": [1.0 * many]}
    )
    given = processes.parsed([])
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        processes.race(given, "default", 10, [])
    losses[2] = [10.0, 9.0 * (1 + 5e-6)]
    assert processes.race(given, "default", 10, []) == [1.0, 2.0]
