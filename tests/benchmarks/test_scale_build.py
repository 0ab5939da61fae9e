"""The script that times corpus building: its text, and that it runs at tiny size; never a time."""

from collections import Counter

import pytest


@pytest.fixture
def build(script):
    return script("build")


def test_text_is_zipf(build, tmp_path):
    build.write_text(tmp_path / "t.txt", 400, 1000)
    lines = (tmp_path / "t.txt").read_text().splitlines()
    assert [len(line.split()) for line in lines] == [build.LENGTH] * 400
    seen = Counter(word for line in lines for word in line.split())
    # 40,000 draws: w0 is due 1 / H_1000 = 13.4 % of them, with a deviation of 0.17 %
    assert abs(seen["w0"] / 40_000 - 0.1336) < 5 * 0.0017


def test_the_script_runs(build, capsys):
    build.main(["--sizes", "60", "--vocabulary", "50", "--shard", "20"])
    head, row = capsys.readouterr().out.splitlines()
    assert head.startswith("documents")
    documents, _, rate, _, stored, peak = row.split()
    assert documents == "60"
    assert int(rate.replace(",", "")) > 0
    # a document of some 25 to 50 different words, 8 bytes an entry, and the index
    assert 8 * 25 < int(stored) < 8 * 50 + 200
    assert int(peak) > 10
