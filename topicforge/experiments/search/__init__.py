"""Search for the settings that serve a corpus best, with Optuna (the extra ``search``).

:func:`read_plan` reads what is searched from one TOML file, :func:`search` runs it in a folder,
:func:`write_report` leaves tables and the best settings there.
"""

from topicforge.experiments.corpus_pair import CorpusPair
from topicforge.experiments.search.measure import Measure, objectives
from topicforge.experiments.search.plan import SearchPlan, read_plan
from topicforge.experiments.search.records import Found, Tried
from topicforge.experiments.search.report import write_report
from topicforge.experiments.search.run import search
from topicforge.experiments.search.space import Choices, Numbers

__all__ = [
    "Choices",
    "CorpusPair",
    "Found",
    "Measure",
    "Numbers",
    "SearchPlan",
    "Tried",
    "objectives",
    "read_plan",
    "search",
    "write_report",
]
