"""What the README shows works when pasted, and its table is the program's own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_the_python_blocks_run_in_order(tmp_path):
    code = "\n".join(blocks("python"))
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    assert [len(line.split()) for line in lines[:20]] == [8] * 20
    assert any(line.startswith("estimator") for line in lines)
    assert (tmp_path / "my-model" / "weights.safetensors").is_file()


def test_the_readme_plugin_registers_and_trains(planted):
    code = next(block for block in blocks("python") if "hookimpl" in block)
    names = {}
    exec(code, names)
    from topicforge import TopicModel
    from topicforge.registry.register import Register

    register = Register("readme", "1")
    names["topicforge_register"](register)
    assert [spec.name for spec in register.specs] == ["wide"]
    theta = TopicModel("nvdm-gsm", prior=names["WidePrior"], n_topics=3, epochs=1).fit_transform(
        planted[0]
    )
    assert theta.shape == (300, 3)


def test_the_table_is_the_programs_own():
    shown = subprocess.run(
        [sys.executable, "-m", "topicforge", "explain"], capture_output=True, text=True, check=True
    ).stdout
    table = next(block for block in blocks("text") if "posterior" in block)
    assert [line.split() for line in table.splitlines()] == [
        line.split() for line in shown.splitlines() if line.strip()
    ]


def test_every_command_shown_exists():
    from typer.main import get_command

    from topicforge.cli.app import app

    command = get_command(app)
    for line in "\n".join(blocks("sh")).splitlines():
        words = line.split()
        if words[:1] != ["topicforge"]:
            continue
        found, options = command, words[1:]
        while options and options[0] in getattr(found, "commands", {}):
            found, options = found.commands[options[0]], options[1:]
        known = {name for parameter in found.params for name in parameter.opts}
        assert found is not command, line
        assert {word for word in options if word.startswith("--")} <= known, line
