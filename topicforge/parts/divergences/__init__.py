"""Built-in divergences and the KL rules."""

from topicforge.parts.divergences.kl import KlDivergence
from topicforge.parts.divergences.kl_rules import KL_RULES
from topicforge.parts.divergences.mmd import MmdDivergence
from topicforge.parts.divergences.none import NoDivergence

__all__ = ["KL_RULES", "KlDivergence", "MmdDivergence", "NoDivergence"]
