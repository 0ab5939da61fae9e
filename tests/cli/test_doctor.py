"""``topicforge plugins doctor`` as a process: what it says and how it ends."""

import json
import os

import pytest


@pytest.fixture
def environment(tmp_path):
    info = tmp_path / "broken-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[topicforge]\nbad = bad_module\n")
    (tmp_path / "bad_module.py").write_text("import there_is_no_such_module\n")
    return {**os.environ, "PYTHONPATH": str(tmp_path), "TOPICFORGE_PLUGINS_ALLOW": "broken"}


def test_all_is_well(run):
    ran = run("plugins", "doctor", "topicforge")
    assert (ran.code, ran.out) == (0, "")
    assert "1 plugin looked at" in ran.err
    assert "0 broken" in ran.err


def test_a_broken_plugin_is_explained_and_coded(spawn, ended, environment):
    ran = ended(spawn("plugins", "doctor", "broken", env=environment))
    assert ran.code == 1
    assert ran.out.startswith("broken: broken:bad 1.2\n")
    assert "there_is_no_such_module" in ran.out
    assert "bad_module.py:1" in ran.out
    assert "(pip install there_is_no_such_module)" in ran.out
    assert "warning:" not in ran.err  # it is said once
    assert "-> " in ran.out
    ran = ended(spawn("plugins", "doctor", "--json", env=environment))
    assert ran.code == 1
    assert "bad" in {finding["plugin"].split(":")[1] for finding in json.loads(ran.out)}


def test_an_unknown_package_is_named(run):
    ran = run("plugins", "doctor", "topicforg")
    assert ran.code == 2
    assert "'topicforge'" in ran.error
