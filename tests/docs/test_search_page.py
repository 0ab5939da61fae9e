"""The search that docs/search.md shows is read and run as it stands."""

import re
from pathlib import Path

from topicforge.corpus import Corpus, Counts
from topicforge.evaluation import METRICS
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


def test_the_pages_name_every_metric_and_objective():
    """The page on evaluation has the table; which of them a search takes follows from their needs."""
    page = PAGE.with_name("evaluation.md").read_text(encoding="utf-8")
    lines = page.partition("| metric |")[2].split("\n\n")[0].splitlines()
    rows = [line.split(" | ")[0] for line in lines if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", "".join(rows))) == set(METRICS)
    assert "`log_likelihood`" in PAGE.read_text(encoding="utf-8")
    without_texts = {
        name for name, spec in METRICS.items() if not {"texts", "word_vectors"} & {*spec.needs}
    }
    assert set(objectives()) == {"log_likelihood", *without_texts}
