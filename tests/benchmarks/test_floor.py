"""The floor's terms, hand-worked for one cell, and the script at tiny size; never a time."""

import sys

import pytest


@pytest.fixture
def floor(script):
    return script("floor")


def test_the_terms_of_etm_hand_worked(floor):
    """V = 1000, 65 words per document, 600 different words per batch of 200; H = 800, E = 200, K = 50."""
    of = {t.name: t for t in floor.terms("etm", "adam", 1000, 13_000.0, 600.0)}
    assert of["first layer, forward: rows of the words"].flops == 2 * 13_000 * 800
    assert of["first layer, gradient"].bytes == 4 * 1000 * 800
    assert of["first layer, step of 1,000 rows"].bytes == 28 * 1000 * 800
    assert of["hidden layer, forward and backward"].flops == 768_000_000
    assert of["normaliser of beta: rho alpha^T"].flops == 20_000_000
    assert of["normaliser of beta: rho alpha^T"].bytes == 800_000
    wide = {t.name: t for t in floor.terms("etm", "adam", 20_000, 13_000.0, 600.0)}
    assert wide["first layer, gradient"].bytes == 4 * 600 * 800
    step = (28 * 600 + 24 * 19_400) * 800
    assert wide["first layer, step of 20,000 rows"].bytes == step
    lazy = {t.name: t for t in floor.terms("etm", "lazy-adam", 1000, 13_000.0, 600.0)}
    assert lazy["first layer, step of 600 rows"].bytes == 28 * 600 * 800
    late = {t.name: t for t in floor.terms("etm", "deferred-adam", 1000, 13_000.0, 600.0)}
    assert late["first layer, step of 600 rows"].bytes == 52 * 600 * 800


def test_prodlda_multiplies_all_words_three_times_over(floor):
    """Logits forward and two gradients, each over B documents, V words and K topics."""
    every = floor.terms("prodlda", "adam", 1000, 13_000.0, 600.0)
    of_words = sum(t.flops for t in every if "normaliser" in t.name or "gradients" in t.name)
    assert of_words == 3 * 2 * 200 * 1000 * 50


def test_the_script_runs(floor, monkeypatch, capsys):
    monkeypatch.setattr(floor, "matrix_rate", lambda: 1e11)
    monkeypatch.setattr(floor, "bandwidth", lambda: 1e10)
    arguments = ["--sizes", "700", "--documents", "400", "--epochs", "1", "--threads", "1"]
    monkeypatch.setattr(sys, "argv", ["floor.py", *arguments])
    floor.main()
    shown = capsys.readouterr().out
    assert "matrix products 100 GFLOP/s, memory 10.0 GB/s" in shown
    for model in ("etm", "prodlda"):
        for optimiser in ("adam", "deferred-adam", "lazy-adam"):
            # the terms, the ratio, the profile
            assert shown.count(f"{model}, {optimiser}, V = 700") == 3
