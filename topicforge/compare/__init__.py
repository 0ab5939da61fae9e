"""Corpora x compositions x numbers of topics x seeds: run them all, once, and say which is better.

:func:`read_plan` reads a study from one TOML file, :func:`run` trains and scores every cell of it in
parallel processes, :func:`summarise` ranks the compositions, with a test whether the ranks mean anything.
"""

from topicforge.compare.cells import Cell
from topicforge.compare.plan import Plan, read_plan
from topicforge.compare.run import run
from topicforge.compare.statistics import Ranking, rank
from topicforge.compare.store import Store
from topicforge.compare.summary import Summary, summarise

__all__ = ["Cell", "Plan", "Ranking", "Store", "Summary", "rank", "read_plan", "run", "summarise"]
