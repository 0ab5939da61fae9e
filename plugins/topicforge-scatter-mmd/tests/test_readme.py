"""The README's example runs, on fewer words and one epoch."""

import re
from pathlib import Path

import torch
from topicforge import TopicModel

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_example_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    generator = torch.Generator().manual_seed(0)
    counts = torch.poisson(torch.full((60, 30), 0.7), generator=generator).add(1).numpy()
    code = code.replace('build_corpus("python-docs")', "counts").replace("epochs=5", "epochs=1")
    assert "counts" in code
    exec(compile(code, str(README), "exec"), {"counts": counts, "TopicModel": TopicModel})
    assert "scatter-mmd" in capsys.readouterr().out
