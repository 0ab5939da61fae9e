import os
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def corpora() -> Path:
    """Folder of real corpora: TOPICFORGE_CORPORA, or ../shared/corpora beside the checkout."""
    folder = Path(os.environ.get("TOPICFORGE_CORPORA", _ROOT.parent / "shared" / "corpora"))
    if not folder.is_dir():
        pytest.skip(f"real corpora not found at {folder}; set TOPICFORGE_CORPORA to their folder")
    return folder
