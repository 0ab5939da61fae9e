"""The command line's threads sleep while they wait, unless the user wants otherwise."""

import os
import re
import subprocess
import sys

import pytest

CHOICES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")


def shown(**variables):
    """What GNU OpenMP says of itself when a command loads torch."""
    plain = {name: value for name, value in os.environ.items() if name not in CHOICES}
    ran = subprocess.run(
        [sys.executable, "-m", "topicforge", "kernels"],
        env={**plain, "OMP_DISPLAY_ENV": "verbose", **variables},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = dict(re.findall(r"(OMP_WAIT_POLICY|GOMP_SPINCOUNT) = '(\w+)'", ran.stderr))
    if not found:
        pytest.skip("torch runs on another OpenMP library")
    return found


def test_waiting_threads_sleep():
    assert shown() == {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}


@pytest.mark.parametrize(
    ("variable", "value"), [("OMP_WAIT_POLICY", "ACTIVE"), ("GOMP_SPINCOUNT", "7")]
)
def test_the_users_choice_stays(variable, value):
    assert shown(**{variable: value})[variable] == value
