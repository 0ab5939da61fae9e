import json
import subprocess
import sys
from dataclasses import dataclass

import numpy as np
import pytest
import scipy.sparse as sp

from topicforge.cli import main


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self):
        """The whole of standard output as one JSON document."""
        return json.loads(self.out)

    @property
    def error(self):
        """What the error said; that it is one paragraph is checked."""
        last = self.err.splitlines()[-1]
        assert last.startswith("error: "), self.err
        assert "Traceback" not in self.err
        return last


@pytest.fixture
def run(capsys):
    """Run a command line in this process."""

    def run(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        return Ran(ended.value.code, *capsys.readouterr())

    return run


# a shell that runs the tests in the background hands on an ignored SIGINT, which would stay ignored
_START = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "from topicforge.cli import main; main()"
)


@pytest.fixture(scope="session")
def spawn():
    """Start a command line as a process of its own."""

    def spawn(*arguments, **options):
        return subprocess.Popen(
            [sys.executable, "-c", _START, *map(str, arguments)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8", **options,
        )  # fmt: skip

    return spawn


@pytest.fixture(scope="session")
def ended():
    """Wait for a process."""

    def ended(process):
        out, err = process.communicate()
        return Ran(process.returncode, out, err)

    return ended


def words(n):
    """Word i of the vocabulary, without digits, so that texts of them are read back as they are."""
    return ["q" + chr(97 + i // 26) + chr(97 + i % 26) for i in range(n)]


@pytest.fixture(scope="session")
def files(tmp_path_factory, planted):
    """300 documents of 30 words in 3 planted topics: counts.npz, vocab.txt, labels.txt, texts."""
    counts, topics = planted
    folder = tmp_path_factory.mktemp("files")
    vocabulary = words(counts.shape[1])
    sp.save_npz(folder / "counts.npz", counts)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in vocabulary))
    labels = np.asarray(counts @ np.log(topics.T + 1e-9)).argmax(1)
    (folder / "labels.txt").write_text("".join(f"class-{label}\n" for label in labels))
    dense = counts.toarray().astype(int)
    # the same documents as texts
    texts = [" ".join(np.repeat(vocabulary, row)) for row in dense]
    (folder / "texts.txt").write_text("".join(f"{text}\n" for text in texts))
    rows = [
        json.dumps({"body": text, "label": f"class-{label}", "id": i})
        for i, (text, label) in enumerate(zip(texts, labels, strict=True))
    ]
    (folder / "texts.jsonl").write_text("".join(f"{row}\n" for row in rows))
    return folder


@pytest.fixture(scope="session")
def corpus(files, spawn, ended, tmp_path_factory):
    """A corpus folder, built by the command of the README."""
    output = tmp_path_factory.mktemp("corpus") / "CORPUS"
    ran = ended(
        spawn(
            "corpus", "build", files / "counts.npz", "--vocab", files / "vocab.txt",
            "--labels", files / "labels.txt", "--output", output,
        )
    )  # fmt: skip
    assert ran.code == 0, ran.err
    return output


@pytest.fixture(scope="session")
def model(corpus, spawn, ended, tmp_path_factory):
    """A model folder of 4 topics after 3 epochs."""
    output = tmp_path_factory.mktemp("model") / "MODEL"
    ran = ended(
        spawn("train", corpus, "--n-topics", 4, "--epochs", 3, "--seed", 0, "--output", output)
    )
    assert ran.code == 0, ran.err
    assert ran.out == ""
    return output
