"""Being found costs nothing: neither library is imported before its logger is built."""

import subprocess
import sys

from topicforge import list_components
from topicforge.plugin import FitStart

from topicforge_loggers.numbers import settings_of


def test_both_are_found_with_their_options():
    found = {spec.name: spec for spec in list_components("callback")}
    assert {found[n].distribution for n in ("tensorboard", "mlflow")} == {"topicforge-loggers"}


def test_finding_them_imports_neither_library():
    code = (
        "import sys, topicforge; topicforge.list_components('callback');"
        "print({'tensorboard', 'mlflow', 'sqlalchemy'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"


def test_long_settings_are_described():
    start = FitStart({"vocabulary": ("word",) * 1000, "preset": ""}, 5, 4, 3, 2, "closed form: KL")
    told = settings_of(start)
    assert told["vocabulary"] == f"a tuple of {len(repr(('word',) * 1000))} characters, left out"
    assert told["preset"] == "''"
    assert told["estimator"] == "closed form: KL"
