"""Corpora x compositions x numbers of topics x seeds: run them all, once, and say which is better.

:func:`read_plan` reads a study from one TOML file, :func:`run` trains and scores every cell of it in
parallel processes, :func:`summarise` ranks the compositions, with a test whether the ranks mean anything.
"""

from topicforge.experiments.compare.cells import Cell
from topicforge.experiments.compare.plan import StudyPlan, read_plan
from topicforge.experiments.compare.run import run
from topicforge.experiments.compare.statistics import Ranks, rank
from topicforge.experiments.compare.store import Store
from topicforge.experiments.compare.summary import Summary, by_relevance, summarise

__all__ = [
    "Cell",
    "Ranks",
    "Store",
    "StudyPlan",
    "Summary",
    "by_relevance",
    "rank",
    "read_plan",
    "run",
    "summarise",
]
