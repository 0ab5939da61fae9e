"""What `topicforge plugins new` writes: installs, keeps the contract and is tidy, for every kind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from topicforge.errors import OptionError, StorageError, UnknownNameError
from topicforge.registry import default_registry
from topicforge.registry.scaffold import KINDS, new_package

ROOT = Path(__file__).resolve().parents[2]


def new(folder, name, kind="prior"):
    return new_package(name, kind, folder, default_registry())


@pytest.mark.parametrize(
    ("name", "class_name"),
    [("wide-gaussian", "WideGaussianPrior"), ("topicforge-wide-prior", "WidePrior")],
)
def test_names_follow_from_one_another(tmp_path, name, class_name):
    folder = new(tmp_path, name)
    short = name.removeprefix("topicforge-")
    assert folder == tmp_path / f"topicforge-{short}"
    module = folder / "src" / folder.name.replace("-", "_") / "plugin.py"
    assert f'register.prior(\n        "{short}",\n        {class_name},' in module.read_text()


@pytest.mark.parametrize(
    ("name", "kind", "error", "match"),
    [
        ("Wide", "prior", OptionError, "kebab-case.*'Wide'"),
        ("wide--gaussian", "prior", OptionError, "kebab-case"),
        ("../wide", "prior", OptionError, "kebab-case"),
        ("", "prior", OptionError, "kebab-case"),
        ("class", "prior", OptionError, "keyword of Python"),
        ("gaussian", "prior", OptionError, "exists already, in topicforge"),
        ("wide", "priors", UnknownNameError, "no kind 'priors'.*prior"),
    ],
)
def test_unusable_names_are_refused(tmp_path, name, kind, error, match):
    with pytest.raises(error, match=match):
        new(tmp_path, name, kind)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_stays_as_it_is(tmp_path):
    (tmp_path / "topicforge-wide").mkdir()
    (tmp_path / "topicforge-wide" / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="exists"):
        new(tmp_path, "wide")
    assert [path.name for path in tmp_path.rglob("*")] == ["topicforge-wide", "mine.txt"]


def test_a_place_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="can't be written"):
        new(tmp_path / "file", "wide")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_to_fill_in(tmp_path, kind):
    folder = new(tmp_path, "own-thing", kind)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 5
    for path in files:
        assert "$" not in path.read_text(), path
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_tidy(tmp_path, kind):
    ruff = shutil.which("ruff") or shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        pytest.skip("needs ruff")
    folder = new(tmp_path, "my-topics", kind)
    for command in (["check"], ["format", "--check"]):
        ran = subprocess.run(
            [ruff, *command, "--isolated", "--no-cache", "--line-length", "100", "."],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_installs_and_its_tests_pass(tmp_path, kind):
    folder = new(tmp_path, "own-thing", kind)
    site = tmp_path / "site"
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation",
         "--disable-pip-version-check", "--target", site, folder],
        check=True, capture_output=True,
    )  # fmt: skip
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TOPICFORGE_PLUGINS")}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider"],
        cwd=folder,
        env={**kept, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "passed" in ran.stdout
