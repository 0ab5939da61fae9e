"""The README and the pages of docs/ run as pasted: files, commands and Python, in their order."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").glob("*.md"))]
FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
RUN = """
import json, pathlib, subprocess
names = {"__name__": "__main__"}
for language, title, text in json.loads(pathlib.Path("page.json").read_text()):
    if title:
        pathlib.Path(title).write_text(text)
    elif language == "python":
        exec(compile(text, "page", "exec"), names)
    elif language == "sh":
        subprocess.run(["bash", "-euo", "pipefail", "-c", text], check=True)
"""


def blocks(page):
    """(language, title, text) of each block of code, without those that install or need peers."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [block for block in found if not re.search("pip install|PEERS|SEARCH", block[2])]


RUNNING = [page for page in PAGES if any(lang in ("python", "sh") for lang, _, _ in blocks(page))]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Run a page once, in a folder of its own: what it printed, and the folder."""
    done = {}

    def once(page):
        if page not in done:
            folder = tmp_path_factory.mktemp(page.stem)
            (folder / "page.json").write_text(json.dumps(blocks(page)))
            path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
            ran = subprocess.run(
                [sys.executable, "-W", "error", "-c", RUN],
                cwd=folder, env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert ran.returncode == 0, f"{ran.stdout[-3000:]}\n{ran.stderr[-6000:]}"
            done[page] = ran.stdout, folder
        return done[page]

    return once


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNING, ids=lambda page: page.stem)
def test_a_page_runs_as_pasted(run, page):
    run(page)


@pytest.mark.slow
def test_the_readme_prints_topics_and_an_explanation(run):
    printed, folder = run(README)
    lines = printed.splitlines()
    topics = [line for line in lines if re.fullmatch(r"\S+( \S+){7}", line)]
    assert len(topics) >= 40  # 20 from Python, 20 from the command line
    assert any(line.startswith("estimator") for line in lines)
    assert (folder / "my-model" / "weights.safetensors").is_file()


def test_the_readme_plugin_registers_its_prior():
    from topicforge.registry.register import Register

    (code,) = (text for _, _, text in blocks(README) if "hookimpl" in text)
    names = {}
    exec(code.partition("\nmodel = ")[0], names)
    register = Register("readme", "1")
    names["topicforge_register"](register)
    assert [spec.name for spec in register.specs] == ["wide"]


def test_the_two_commands_of_the_readme_install_alike():
    """One clones and shows the demo, the other tests; .ci/run takes the second by its heading."""
    text = README.read_text(encoding="utf-8")
    see, tests = (
        re.search(rf"^\*\*{head}\*\*.*?^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[1]
        for head in ("See it work", "Run the tests")
    )
    clone, install = see.split(" && cd topicforge && ")
    assert clone.startswith("git clone https://")
    assert (
        install.replace("-e .", '-e ".[test]"').rpartition(" && ")[0]
        == (tests.rpartition(" && ")[0])
    )
    assert tests.startswith("python3 -m venv .venv && ")
    assert tests.endswith("-m pytest -n auto\n")
    assert tests.count("\n") == 1


def test_the_table_of_what_fits_is_the_programs_own():
    shown = subprocess.run(
        [sys.executable, "-m", "topicforge", "explain"], capture_output=True, text=True, check=True
    ).stdout
    page = blocks(ROOT / "docs" / "training.md")
    (table,) = (text for _, _, text in page if text.startswith("encoder "))
    assert [line.split() for line in table.splitlines()] == [
        line.split() for line in shown.splitlines() if line.strip()
    ]


def test_the_chinese_readme_has_the_same_code_and_links():
    """It is a translation: what can be pasted, and where it leads, are those of the English one."""
    english, chinese = (
        (ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "README.zh.md")
    )
    assert FENCE.findall(chinese) == FENCE.findall(english)
    links = [{*re.findall(r"\]\(([^)]+)\)", text)} for text in (english, chinese)]
    assert links[0] - {"README.zh.md"} == links[1] - {"README.md"}


def test_every_command_shown_exists():
    """Those in text too, and those that need files of the reader's."""
    from typer.main import get_command

    from topicforge.cli.app import app

    command = get_command(app)
    shown = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    lines = re.findall(r"^(?:    )?topicforge (.*)$|`topicforge ([^`\n]*)`", shown, re.MULTILINE)
    assert len(lines) > 30
    for line in map("".join, lines):
        found, words = command, line.split("#")[0].split()
        while words and words[0] in getattr(found, "commands", {}):
            found, words = found.commands[words[0]], words[1:]
        known = {"--help", *(name for parameter in found.params for name in parameter.opts)}
        assert found is not command, line
        assert {word for word in words if word.startswith("--")} <= known, line


def test_every_link_leads_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_readme_is_short():
    assert len(README.read_text(encoding="utf-8").splitlines()) < 150
