"""What `topicforge plugins new` writes: installs, keeps the contract and is tidy, for every kind."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from topicforge.errors import OptionError, StorageError, UnknownNameError
from topicforge.registry import default_registry
from topicforge.registry.scaffold import KINDS, NewPackage, write_package

ROOT = Path(__file__).resolve().parents[2]


def named(name, kind="prior"):
    return NewPackage.named(name, kind, default_registry())


def test_names_follow_from_one_another():
    package = named("wide-gaussian")
    assert package.distribution == "topicforge-wide-gaussian"
    assert package.module == "topicforge_wide_gaussian"
    assert package.class_name == "WideGaussianPrior"
    assert named("topicforge-wide-gaussian") == package
    assert named("wide-prior").class_name == "WidePrior"


@pytest.mark.parametrize(
    ("name", "kind", "error", "match"),
    [
        ("Wide", "prior", OptionError, "kebab-case.*'Wide'"),
        ("wide--gaussian", "prior", OptionError, "kebab-case"),
        ("../wide", "prior", OptionError, "kebab-case"),
        ("", "prior", OptionError, "kebab-case"),
        ("class", "prior", OptionError, "word of Python"),
        ("gaussian", "prior", OptionError, "exists already, in topicforge"),
        ("wide", "priors", UnknownNameError, "no kind 'priors'.*prior"),
    ],
)
def test_unusable_names_are_refused(name, kind, error, match):
    with pytest.raises(error, match=match):
        named(name, kind)


def test_a_folder_that_is_there_stays_as_it_is(tmp_path):
    (tmp_path / "topicforge-wide").mkdir()
    (tmp_path / "topicforge-wide" / "mine.txt").write_text("mine")
    with pytest.raises(StorageError, match="exists"):
        write_package(named("wide"), tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["topicforge-wide", "mine.txt"]


def test_a_place_that_can_not_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="can't be written"):
        write_package(named("wide"), tmp_path / "file")


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_to_fill_in(tmp_path, kind):
    folder = write_package(named("own-thing", kind), tmp_path)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert len(files) == 8
    for path in files:
        assert "$" not in path.read_text(), path
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_tidy(tmp_path, kind):
    ruff = shutil.which("ruff") or shutil.which("ruff", path=str(Path(sys.executable).parent))
    if ruff is None:
        pytest.skip("needs ruff")
    folder = write_package(named("my-topics", kind), tmp_path)
    for command in (["check"], ["format", "--check"]):
        ran = subprocess.run(
            [ruff, *command, "--isolated", "--no-cache", "--line-length", "100", "."],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_it_installs_and_its_tests_pass(tmp_path, kind):
    folder = write_package(named("own-thing", kind), tmp_path)
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
