import shutil

import pytest

import topicforge


@pytest.fixture
def folder(model, tmp_path):
    return shutil.copytree(model, tmp_path / "M")


def test_edits_stay_in_the_folder_and_can_be_taken_back(run, folder):
    before = run("topics", folder).out
    ran = run("edit", folder, "merge", 3, 1)
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == ["topic", "0", "1", "2"]
    assert run("edit", folder, "label", "1=both of them", "0=<x>\x1b[0m").code == 0
    assert len(run("topics", folder).out.splitlines()) == 3
    shown = run("topics", folder, "--format", "table").out
    assert "both of them" in shown
    assert "\x1b" not in shown
    assert run("edit", folder).out.splitlines() == [
        "merge 1+3",
        r"label 1+3 'both of them', 0 '<x>\x1b[0m'",
    ]
    assert len(topicforge.load(folder).topics()) == 3
    told = run("edit", folder, "undo", "--json").json
    assert [edit["kind"] for edit in told["edits"]] == ["merge"]
    assert len(told["topics"]) == 3
    run("edit", folder, "undo")
    assert run("topics", folder).out == before
    assert not (folder / "edits.json").exists()


def test_reduce_and_order(run, folder):
    assert len(run("edit", folder, "reduce", 2).out.splitlines()) == 3
    first = run("topics", folder).out.splitlines()
    run("edit", folder, "reorder", 1)
    assert run("topics", folder).out.splitlines() == first[::-1]
    run("edit", folder, "hide", 0)
    assert len(run("topics", folder, "--format", "table").out.splitlines()) == 2


def test_what_is_wrong_is_said_and_changes_nothing(run, folder):
    for arguments, said in (
        (("merge", 1), "at least 2 different topics"),
        (("drop", 9), "numbered 0 to 3, got 9"),
        (("undo",), "there is none"),
    ):
        ran = run("edit", folder, *arguments)
        assert ran.code == 2
        assert said in ran.error
    for arguments in (("merge", "a"), ("label", "3"), ("reduce",), ("undo", 1), ("split", 1)):
        assert run("edit", folder, *arguments).code == 2
    assert not (folder / "edits.json").exists()


def test_a_damaged_list_is_refused(run, folder):
    run("edit", folder, "drop", 0)
    (folder / "edits.json").write_text("[{}]")
    ran = run("topics", folder)
    assert ran.code == 1
    assert "edits.json" in ran.error
