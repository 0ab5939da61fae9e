"""Built-in divergences and the KL rules."""

from topicforge.divergences.kl import KlDivergence
from topicforge.divergences.kl_rules import KL_RULES
from topicforge.divergences.mmd import MmdDivergence
from topicforge.divergences.none import NoDivergence

__all__ = ["KL_RULES", "KlDivergence", "MmdDivergence", "NoDivergence"]
