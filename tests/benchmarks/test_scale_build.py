"""The script that times corpus building: its text, and that it runs at tiny size; never a time."""

import importlib.util
from collections import Counter
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "scale" / "build.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("scale_build", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_text_is_zipf(script, tmp_path):
    script.write_text(tmp_path / "t.txt", 400, 1000)
    lines = (tmp_path / "t.txt").read_text().splitlines()
    assert [len(line.split()) for line in lines] == [script.LENGTH] * 400
    seen = Counter(word for line in lines for word in line.split())
    # 40,000 draws: w0 is due 1 / H_1000 = 13.4 % of them, with a deviation of 0.17 %
    assert abs(seen["w0"] / 40_000 - 0.1336) < 5 * 0.0017


def test_the_script_runs(script, capsys):
    script.main(["--sizes", "60", "--vocabulary", "50", "--shard", "20"])
    head, row = capsys.readouterr().out.splitlines()
    assert head.startswith("documents")
    documents, _, rate, _, stored, peak = row.split()
    assert documents == "60"
    assert int(rate.replace(",", "")) > 0
    # a document of some 25 to 50 different words, 8 bytes an entry, and the index
    assert 8 * 25 < int(stored) < 8 * 50 + 200
    assert int(peak) > 10
