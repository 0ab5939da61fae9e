"""The site of mkdocs.yml: it builds without a warning, and no page asks another server for anything."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mkdocs", reason="needs the extra docs")
pytest.importorskip("mkdocstrings", reason="needs the extra docs")
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    ran = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-4000:]
    return folder


@pytest.mark.slow
def test_the_readme_is_the_home_page(site):
    home = (site / "index.html").read_text(encoding="utf-8")
    assert 'href="corpora/"' in home
    assert "github.com/topicforge/topicforge/tree/main/CHANGELOG.md" in home


@pytest.mark.slow
def test_the_notebooks_are_pages(site):
    page = (site / "examples" / "first-topics" / "index.html").read_text(encoding="utf-8")
    assert "From texts to topics, and from topics to documents." in page
    assert "TopicModel" in page


@pytest.mark.slow
def test_the_reference_has_what_a_model_inherits(site):
    model = (site / "api" / "model" / "index.html").read_text(encoding="utf-8")
    for method in ("fit", "topic_table", "report"):
        assert f'id="topicforge.estimator.topic_model.TopicModel.{method}"' in model
    assert not re.search(r":(class|func|meth|mod):", model)


@pytest.mark.slow
def test_no_page_asks_another_server(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r'(src|<link[^>]* rel="stylesheet"[^>]* href)="https?:', text), page
