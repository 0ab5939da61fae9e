"""The searches that the README and docs/search.md show are read and run as they stand."""

import re
from pathlib import Path

import pytest

from topicforge.corpus import Corpus, Counts
from topicforge.experiments.search import objectives, read_plan, search

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "docs/search.md"]


def search_shown(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^```toml\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (found,) = (block for block in blocks if "[space]" in block)
    return found


@pytest.mark.parametrize("page", PAGES)
def test_the_search_shown_runs(page, planted, tmp_path):
    words = tuple(f"word{v}" for v in range(30))
    Corpus(Counts.from_matrix(planted[0][:60], "test"), words).save(tmp_path / "CORPUS")
    (tmp_path / "search.toml").write_text(search_shown(page), encoding="utf-8")
    plan = read_plan(tmp_path / "search.toml")
    assert plan.trials == 30
    found = search(plan, tmp_path / "SEARCH", trials=2)
    assert [trial.status for trial in found.trials] == ["done", "done"]
    # the start of a search is the preset as it is
    assert found.trials[0].drawn["prior"] == "dirichlet"


def test_the_page_names_every_objective():
    page = (ROOT / "docs/search.md").read_text(encoding="utf-8")
    table = "".join(line for line in page.splitlines() if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", table)) == set(objectives())
