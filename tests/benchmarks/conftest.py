"""The scripts set torch's threads for their whole process; tests share theirs with others."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(autouse=True)
def threads_as_they_were() -> Iterator[None]:
    """Rounding depends on the number of threads."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
