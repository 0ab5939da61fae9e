"""Scripts as modules. They set torch's threads for their whole process; tests share theirs with others."""

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

SCALE = Path(__file__).resolve().parents[2] / "benchmarks" / "scale"


@pytest.fixture(scope="module")
def script() -> Iterator[Callable[[str], ModuleType]]:
    """The scripts of scale by name; their folder is searched for what they share."""
    before = set(sys.modules)
    sys.path.insert(0, str(SCALE))
    yield importlib.import_module
    sys.path.remove(str(SCALE))
    for name in {path.stem for path in SCALE.glob("*.py")} - before:
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def threads_as_they_were() -> Iterator[None]:
    """Rounding depends on the number of threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
