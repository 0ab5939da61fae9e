"""The command line as a user meets it: separate processes, their output, their exit codes."""

import json
import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp

import topicforge


def run(*arguments, cwd, code=0):
    ran = subprocess.run(
        [sys.executable, "-m", "topicforge", *map(str, arguments)],
        cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip
    assert ran.returncode == code, ran.stderr + ran.stdout
    assert "Traceback" not in ran.stderr
    return ran


@pytest.fixture(scope="module")
def place(tmp_path_factory, planted):
    """A folder with counts, a corpus folder of them and a model folder."""
    folder = tmp_path_factory.mktemp("cli")
    counts, _ = planted
    sp.save_npz(folder / "counts.npz", counts)
    (folder / "vocab.txt").write_text("".join(f"word{v}\n" for v in range(30)))
    (folder / "labels.txt").write_text("".join(f"{'ab'[d % 2]}\n" for d in range(300)))
    run(
        "corpus", "build", "counts.npz", "--vocab", "vocab.txt", "--labels", "labels.txt",
        "--output", "CORPUS", cwd=folder,
    )  # fmt: skip
    ran = run(
        "train", "CORPUS", "--preset", "etm", "--n-topics", "3", "--epochs", "2", "--seed", "0",
        "--set", "decoder.width=8", "--set", "encoder.hidden=[16]", "--output", "MODEL", cwd=folder,
    )  # fmt: skip
    assert ran.stdout == ""
    assert "train 2/2: loss" in ran.stderr
    assert "active topics" in ran.stderr
    assert "docs/s" in ran.stderr
    return folder


def test_topics_as_text_for_other_programs(place):
    lines = run("topics", "MODEL", "--top", "25", "--format", "text", cwd=place).stdout.splitlines()
    assert len(lines) == 3
    assert all(len(line.split(" ")) == 25 for line in lines)
    assert lines == [" ".join(t) for t in topicforge.load(place / "MODEL").topics(25)]


def test_topics_as_json_and_table(place):
    read = json.loads(run("topics", "MODEL", "--format", "json", cwd=place).stdout)
    assert len(read["topics"]) == 3
    assert read["ranking"].startswith("association")
    assert "word" in run("topics", "MODEL", "--format", "table", cwd=place).stdout


def test_transform_writes_float32_rows_that_sum_to_one(place, planted):
    for source in ("counts.npz", "CORPUS"):
        run("transform", "MODEL", source, "--output", "theta.npy", "--force", cwd=place)
        theta = np.load(place / "theta.npy", allow_pickle=False)
        assert theta.dtype == np.float32
        assert theta.shape == (300, 3)
        np.testing.assert_allclose(theta.sum(1), 1, atol=1e-5)
        np.testing.assert_array_equal(theta, topicforge.load(place / "MODEL").transform(planted[0]))


def test_evaluate_as_json(place):
    read = json.loads(run("evaluate", "MODEL", "--corpus", "CORPUS", "--json", cwd=place).stdout)
    assert {"npmi", "td", "purity", "nmi", "perplexity"} <= set(read["scores"])
    assert read["scores"]["npmi"]["reference"]


def test_evaluate_other_programs_topics(place):
    (place / "other.txt").write_text(" ".join(f"word{v}" for v in range(25)) + "\n")
    read = run(
        "evaluate", "--topics", "other.txt", "--corpus", "CORPUS", "--metric", "npmi", "--json",
        cwd=place,
    ).stdout  # fmt: skip
    assert list(json.loads(read)["scores"]) == ["npmi"]


def test_parts_by_name(place):
    run(
        "train", "CORPUS", "--encoder", "mlp", "--prior", "gmm", "--divergence", "mmd",
        "--decoder", "mixture", "--set", "prior.n_components=50", "--epochs", "1", "-k", "3",
        "--output", "MIX", cwd=place,
    )  # fmt: skip
    model = topicforge.load(place / "MIX")
    assert model.network_.prior.loc.shape[0] == 50
    assert model.settings_.composition.rule.summary.startswith("unbiased MMD")


def test_texts_to_theta(place):
    rows = [
        {"body": f"cats purr {'and' * (i % 2)} dogs bark loudly", "label": "x"} for i in range(40)
    ]
    (place / "texts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    run(
        "corpus", "build", "texts.jsonl", "--text-column", "body", "--label-column", "label",
        "--language", "en", "--output", "TEXTS", cwd=place,
    )  # fmt: skip
    run("train", "TEXTS", "-k", "2", "--epochs", "1", "--output", "TEXTMODEL", cwd=place)
    assert "cats" in run("topics", "TEXTMODEL", cwd=place).stdout


def test_nothing_is_replaced_without_force(place):
    error = run("train", "CORPUS", "--output", "MODEL", cwd=place, code=2).stderr
    assert "--force" in error
    (place / "mine").mkdir(exist_ok=True)
    (place / "mine" / "thesis.txt").write_text("years of work")
    error = run(
        "corpus", "build", "counts.npz", "--output", "mine", "--force", cwd=place, code=2
    ).stderr
    assert "something else" in error
    assert (place / "mine" / "thesis.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("train", "CORPUS", "--preset", "emt", "--output", "X"), 2, "'etm'"),
        (("train", "CORPUS", "--prior", "dirichelt", "--output", "X"), 2, "dirichlet"),
        (
            ("train", "CORPUS", "--encoder", "mlp-point", "--divergence", "kl", "--output", "X"),
            2,
            "mmd",
        ),
        (("train", "CORPUS", "--set", "prior.variances=2", "--output", "X"), 2, "variance"),
        (("train", "CORPUS", "--set", "nonsense", "--output", "X"), 2, "NAME=VALUE"),
        (("train", "nowhere", "--output", "X"), 1, "nowhere"),
        (("topics", "CORPUS"), 1, "model folder"),
        (("transform", "MODEL", "nowhere.npz", "--output", "t.npy"), 1, "nowhere.npz"),
        (("evaluate",), 2, "--topics"),
        (("nonsense",), 2, "nonsense"),
    ],
)
def test_what_goes_wrong_is_said_and_coded(place, arguments, code, says):
    ran = run(*arguments, cwd=place, code=code)
    assert says in ran.stderr
    assert ran.stdout == ""


def test_explain_and_plugins(place):
    assert "Laplace approximation" in run("explain", "--prior", "dirichlet", cwd=place).stdout
    rows = json.loads(run("explain", "--json", cwd=place).stdout)
    assert {row["encoder"] for row in rows} == {"mlp", "mlp-point", "mlp-dirichlet", "spectral"}
    read = json.loads(run("plugins", "--json", cwd=place).stdout)
    builtin = next(row for row in read["plugins"] if row["name"] == "topicforge:builtin")
    assert builtin["status"] == "loaded"
    assert builtin["version"] == topicforge.__version__
    assert "topicforge:builtin" in run("plugins", cwd=place).stdout


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_saves_a_usable_model(place, sign):
    output = place / f"INTERRUPTED{int(sign)}"
    # a shell that starts this run in the background hands on an ignored SIGINT, and Python keeps it so
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from topicforge.cli import main\n"
        f"main(['train', 'CORPUS', '-k', '3', '--epochs', '2000', '--output', {str(output)!r}])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=place, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("train 2/"):
            break
    process.send_signal(sign)
    rest = process.stderr.read()
    process.stderr.close()
    assert process.wait() == 130, rest
    assert "saved as it was" in rest
    assert topicforge.load(output).topics(3)


def test_a_reader_that_has_seen_enough_is_no_error(place):
    ran = subprocess.run(
        f"{sys.executable} -m topicforge topics MODEL | head -1",
        shell=True, cwd=place, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert len(ran.stdout.splitlines()) == 1
    assert "Error" not in ran.stderr


def test_help_imports_nothing_heavy():
    code = (
        "import sys; sys.argv = ['topicforge', '--help']\n"
        "from topicforge.cli import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'sklearn', 'scipy', 'pandas'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "corpus" in ran.stdout
