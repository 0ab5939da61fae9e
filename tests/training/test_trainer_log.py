"""Training says which operators run, once per process, and why where they are plain PyTorch."""

import logging

import pytest

from topicforge.training import trainer


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("operators: native (avx2)", logging.INFO),
        ("operators: plain PyTorch, because TOPICFORGE_NATIVE is 0", logging.INFO),
        ("operators: plain PyTorch, because there is no library", logging.WARNING),
    ],
)
def test_a_missing_library_is_a_warning(monkeypatch, caplog, line, level):
    monkeypatch.setattr(trainer, "implementation", lambda _: line)
    trainer._log_implementation.cache_clear()
    with caplog.at_level(logging.INFO, "topicforge"):
        trainer._log_implementation("cpu")
        trainer._log_implementation("cpu")
    trainer._log_implementation.cache_clear()
    assert [(r.levelno, r.getMessage()) for r in caplog.records] == [(level, line)]
