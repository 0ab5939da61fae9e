"""``topicforge report``: the files beside a corpus, and what is in the way."""

import json
import re

import pytest

pytest.importorskip("plotly", reason="needs the extra plot")


def test_the_command_writes_the_same(run, model, corpus, files, tmp_path):
    output = tmp_path / "r.html"
    times = tmp_path / "times.txt"
    times.write_text("".join(f"20{10 + n % 5}-01-01\n" for n in range(300)))
    ran = run(
        "report", model, "--corpus", corpus, "--texts", files / "texts.txt", "--times", times,
        "--output", output, "--title", "A title", "--language", "zh",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    text = output.read_text(encoding="utf-8")
    assert "<title>A title</title>" in text
    data = json.loads(re.search('id="data">(.*?)</script>', text)[1])
    assert {*data["figures"]} >= {"classes", "time"}
    first = (files / "texts.txt").read_text().splitlines()[data["documents"]["number"][0]]
    assert data["documents"]["text"][0] == first
    assert "exists; pass --force" in run("report", model, "--corpus", corpus, "-o", output).error
    short = tmp_path / "short.txt"
    short.write_text("one\n")
    ran = run("report", model, "--corpus", corpus, "--texts", short, "-o", output, "--force")
    assert "one for each of the 300 documents, got 1" in ran.error
    assert ran.code == 1
