import subprocess
import sys

import pytest

COMMANDS = [
    "demo",
    "corpus",
    "train",
    "topics",
    "find",
    "documents",
    "inspect",
    "card",
    "edit",
    "label",
    "report",
    "transform",
    "export",
    "serve",
    "evaluate",
    "choose-k",
    "compare",
    "search",
    "explain",
    "plugins",
    "kernels",
]


def test_help_loads_nothing_heavy():
    """A help page that waits for torch is not read; what is loaded is checked, not seconds."""
    code = (
        "import sys\n"
        "from topicforge.cli import main\n"
        "try:\n"
        "    main(['--help'])\n"
        "except SystemExit as ended:\n"
        "    assert ended.code == 0\n"
        "heavy = {'torch', 'sklearn', 'scipy', 'numpy', 'pluggy', 'gensim'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "demo" in ran.stdout


def test_commands_stand_in_the_order_of_their_use(run):
    lines = run("--help").out.splitlines()
    found = [
        line.split()[1] for line in lines if len(line.split()) > 2 and line.split()[1] in COMMANDS
    ]
    assert found == COMMANDS


def test_exit_codes_are_documented(run):
    told = " ".join(run("--help").out.split())
    assert "Exit codes: 0 for success; 1 " in told
    assert "130 if it was interrupted" in told


@pytest.mark.parametrize(
    "command", [*([name] for name in COMMANDS), ["corpus", "build"], ["kernels", "build"]]
)
def test_every_command_explains_itself(run, monkeypatch, command):
    monkeypatch.setenv("COLUMNS", "80")
    ran = run(*command, "--help")
    assert ran.code == 0
    assert ran.err == ""
    assert "--no-force" not in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_version(run):
    import topicforge

    assert run("--version").out == f"topicforge {topicforge.__version__}\n"


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ([], "Usage: topicforge"),
        (["trian"], "Did you mean 'train'"),
        (["train"], "Missing argument 'CORPUS'"),
        (["train", "C"], "Missing option '--output'"),
        (["train", "C", "--output", "M", "--epochs", "many"], "--epochs"),
        (["topics", "M", "--top", "0"], "--top"),
        (["topics", "M", "--format", "xml"], "xml"),
    ],
)
def test_a_wrong_command_line_exits_with_2(run, command, said):
    ran = run(*command)
    assert ran.code == 2
    assert said in ran.out + ran.err
    assert "Traceback" not in ran.err
