"""The search that docs/search.md shows is read and run as it stands."""

import re
from pathlib import Path

from topicforge.corpus import Corpus, Counts
from topicforge.experiments.search import objectives, read_plan, search

PAGE = Path(__file__).parents[2] / "docs" / "search.md"


def test_the_search_shown_runs(planted, tmp_path):
    blocks = re.findall(
        r"^```toml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    (shown,) = (block for block in blocks if "[space]" in block)
    words = tuple(f"word{v}" for v in range(30))
    Corpus(Counts.from_matrix(planted[0][:60], "test"), words).save(tmp_path / "CORPUS")
    (tmp_path / "search.toml").write_text(shown, encoding="utf-8")
    plan = read_plan(tmp_path / "search.toml")
    assert plan.trials == 30
    found = search(plan, tmp_path / "SEARCH", trials=2)
    assert [trial.status for trial in found.trials] == ["done", "done"]
    # the start of a search is the preset as it is
    assert found.trials[0].drawn["prior"] == "dirichlet"


def test_the_page_names_every_objective():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    table = "".join(line for line in lines if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", table)) == set(objectives())
