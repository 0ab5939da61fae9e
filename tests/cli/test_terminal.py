import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import topicforge
from topicforge.cli import output, progress
from topicforge.cli.output import (
    emit,
    fitting,
    new_table,
    note,
    print_json,
    print_tables,
    results_only,
    show_error,
    show_warning,
    verbatim,
)
from topicforge.contracts import EpochReport, FitStart

START = FitStart({}, 1000, 500, 20, 3, "closed form: KL of two diagonal normals")


def report(epoch, phase="train", **more):
    return EpochReport(
        epoch=epoch, epochs=3, phase=phase, loss=123.456, reconstruction=120.0, divergence=34.5,
        divergence_weight=0.1, active_topics=19, documents_per_second=12345.6, learning_rate=0.1,
        **more,
    )  # fmt: skip


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 80 columns in place of standard error; what was drawn is its file."""
    file = io.StringIO()
    console = Console(
        file=file, force_terminal=True, width=80, highlight=False, markup=False, color_system=None,
        _environ={"TERM": "xterm"},
    )  # fmt: skip
    monkeypatch.setattr(output, "notes", console)
    monkeypatch.setattr(progress, "notes", console)
    return file


def test_on_a_terminal_a_bar_moves_within_80_columns(terminal):
    bar = progress.watcher()
    assert isinstance(bar, progress.Bar)
    bar.on_fit_start(START)
    for phase in ("pretrain", "train"):
        for epoch in (1, 2, 3):
            bar.on_step_end(0, {"loss": 200.0})
            bar.on_step_end(1, {"loss": 199.0})
            bar.on_epoch_end(report(epoch, phase))
    bar.on_fit_end([])
    drawn = terminal.getvalue()
    last = drawn.rpartition("\x1b[2K")[0].rpartition("pretrain")[2] + drawn.rpartition("\x1b[2K")[2]
    for text in (
        "epoch 3/3", "left", "train", "loss 123.5", "reconstruction 120", "divergence 34.5 x 0.1",
        "19 active topics", "12,346 docs/s",
    ):  # fmt: skip
        assert text in " ".join(last.split())
    assert max(len(line.split("\x1b[2K")[-1]) for line in drawn.splitlines()) <= 80


def test_words_of_a_few_topics_are_shown_as_they_form(terminal):
    asked = []

    def top_words(n_topics, top):
        asked.append((n_topics, top))
        return [["music", "\x1b[2Jred"], ["音乐", "歌曲"]]

    bar = progress.Bar()
    bar.on_fit_start(FitStart({}, 1000, 500, 20, 3, "closed form", top_words))
    for epoch in (1, 2, 3):
        bar.on_epoch_end(report(epoch))
    bar.on_fit_end([])
    # the second epoch is within a second of the first
    assert asked == [(5, 8), (5, 8)]
    last = terminal.getvalue().rpartition("\x1b[2K")[2]
    assert "topic 0: music \\x1b[2Jred" in last
    assert "topic 1: 音乐 歌曲" in last


@pytest.mark.usefixtures("terminal")
def test_steps_move_the_bar_once_their_number_is_known():
    bar = progress.Bar()
    bar.on_fit_start(START)
    bar.on_step_end(0, {"loss": 200.0})
    assert "step 1: loss 200" in bar._progress.said
    bar.on_step_end(3, {"loss": 200.0})
    bar.on_epoch_end(report(1))
    bar.on_step_end(1, {"loss": 199.0})
    assert bar._progress.tasks[0].completed == 1.5  # two of the four steps of the second epoch
    bar.on_fit_end([])


def test_in_a_pipe_an_epoch_is_a_line(capsys):
    lines = progress.watcher()
    assert isinstance(lines, progress.Lines)
    lines.on_fit_start(START)
    lines.on_epoch_end(report(1, validation_loss=130.5, penalties={"sparsity": 0.25}))
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines()[1] == (
        "train 1/3: loss 123.5, held-out 130.5, reconstruction 120, divergence 34.5 x 0.1, sparsity 0.25, "
        "19 active topics, 12,346 docs/s"
    )


LONG = "word " * 40 + "[bold]brackets[/] stay"


def test_an_error_is_folded_on_a_terminal(terminal):
    show_error(LONG)
    drawn = terminal.getvalue().splitlines()
    assert len(drawn) > 2
    assert max(map(len, drawn)) <= 80


def test_what_is_to_be_pasted_keeps_its_lines(terminal):
    verbatim(LONG)
    assert terminal.getvalue() == f"{LONG}\n"


def test_an_error_is_one_line_in_a_pipe(capsys):
    show_error(LONG)
    assert capsys.readouterr().err == f"error: {LONG}\n"


def test_tables_fold_on_a_terminal_only(capsys, monkeypatch):
    table = new_table("name", "what", right=["name"])
    table.add_row("a", "word " * 40 + "[/] [red]")
    print_tables(table)
    assert len(capsys.readouterr().out.splitlines()) == 2
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    print_tables(table)
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_words_are_left_out_where_the_terminal_ends(monkeypatch):
    words = ["eins", "zwei", "音乐", "drei"]
    assert fitting(words, 70) == "eins zwei 音乐 drei"
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "80")
    assert fitting(words, 61) == "eins zwei 音乐 drei"  # 19 columns, as Chinese signs take two
    assert fitting(words, 62) == "eins zwei 音乐"
    assert fitting(words, 90) == "eins"


HOSTILE = "\x1b]0;owned\x07 \x9b31m \u202eevil \u2066x\u2069 a\nb\rc\td \u2028 \x7f"


@pytest.mark.parametrize("say", [show_error, note, verbatim, show_warning])
def test_no_door_to_the_terminal_lets_a_control_character_through(say, capsys):
    say(HOSTILE.replace("\n", " ") if say is verbatim else HOSTILE)
    err = capsys.readouterr().err
    assert not [c for c in err.removesuffix("\n") if not c.isprintable()]
    assert r"\x1b]0;owned\x07 \x9b31m \u202eevil \u2066x\u2069 a" in err


def test_results_let_none_through_either(capsys):
    table = new_table(HOSTILE.replace("\n", ""))
    table.add_row(HOSTILE)
    print_tables(table)
    emit(HOSTILE)
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 4
    assert not [c for line in out.split("\n") for c in line if not c.isprintable()]
    print_json({HOSTILE: [HOSTILE]})
    out = capsys.readouterr().out
    assert not [c for line in out.split("\n") for c in line if not c.isprintable()]
    assert json.loads(out) == {HOSTILE: [HOSTILE]}


def test_words_of_a_model_folder_are_shown_escaped(run, tmp_path):
    counts = np.random.default_rng(0).integers(1, 3, (20, 2))
    words = ["\x1b[31mred\u202e", "blue"]
    topicforge.TopicModel(n_topics=1, epochs=1, vocabulary=words).fit(counts).save(tmp_path / "M")
    for form in ("text", "table", "json"):
        ran = run("topics", tmp_path / "M", "--format", form)
        assert ran.code == 0
        assert not {"\x1b", "\u202e"} & {*ran.out, *ran.err}
        assert r"[31mred\u202e" in ran.out
    ran = run("topics", tmp_path / "no\x1b[2Jthing")
    assert "\x1b" not in ran.err
    assert r"no\x1b[2Jthing" in ran.error


def test_what_a_plugin_prints_is_no_result(capsys):
    @results_only
    def command():
        print("a plugin says hello")
        print_json({"score": 1})

    command()
    out, err = capsys.readouterr()
    assert json.loads(out) == {"score": 1}
    assert err == "a plugin says hello\n"


def test_json_has_no_literals_that_json_lacks(capsys):
    print_json({"a": float("nan"), "b": [float("-inf"), (1, "x")], "c": Path("p"), "d": None})
    out = capsys.readouterr().out
    assert "NaN" not in out
    assert json.loads(out) == {"a": None, "b": [None, [1, "x"]], "c": "p", "d": None}


def test_a_reader_that_closes_the_pipe_is_no_error(spawn, model):
    for unbuffered in ("", "1"):
        process = spawn("topics", model, env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
        process.stdout.close()
        with process.stderr as stderr:
            assert all(line.startswith("ranked by") for line in stderr.read().splitlines())
        assert process.wait() == 0


def test_a_pipe_is_utf_8_whatever_the_locale(spawn, ended, tmp_path):
    counts = np.random.default_rng(0).integers(1, 3, (20, 2))
    fitted = topicforge.TopicModel(n_topics=1, epochs=1, vocabulary=["音乐", "Küche"])
    fitted.fit(counts).save(tmp_path / "M")
    ran = ended(spawn("topics", tmp_path / "M", env={**os.environ, "PYTHONIOENCODING": "latin-1"}))
    assert ran.code == 0
    assert set(ran.out.split()) == {"音乐", "Küche"}


def test_what_nobody_foresaw_is_a_paragraph_too(run, model, monkeypatch):
    def fails(*_, **__):
        raise ZeroDivisionError("unforeseen [red]")

    monkeypatch.setattr("topicforge.estimator.saved.read_topics", fails)
    ran = run("topics", model)
    assert ran.code == 1
    assert "ZeroDivisionError: unforeseen [red]" in ran.error
    assert "--debug" in ran.error


def test_debug_shows_the_traceback(spawn, ended, tmp_path):
    ran = ended(spawn("--debug", "topics", tmp_path))
    assert ran.code == 1
    assert "Traceback" in ran.err
    assert "ModelFileError" in ran.err
