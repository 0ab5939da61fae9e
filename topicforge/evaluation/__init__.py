"""Scores of topics and of topic proportions, for topics of any origin.

Every function returns a :class:`Score`, which prints its value together with the reference corpus,
the window and the rule for the cases that the formula leaves open. Without these two numbers of one
name can't be compared.
"""

from topicforge.evaluation.c_v import c_v
from topicforge.evaluation.clustering import km_nmi, km_purity, nmi, purity
from topicforge.evaluation.cooccurrence import Cooccurrence, document_cooccurrence
from topicforge.evaluation.diversity import inverted_rbo, topic_diversity, topic_uniqueness
from topicforge.evaluation.evaluate import evaluate
from topicforge.evaluation.metric import MetricSource, MetricSpec
from topicforge.evaluation.metric_input import MetricInput
from topicforge.evaluation.metrics import METRICS
from topicforge.evaluation.npmi import npmi, npmi_from, npmi_window
from topicforge.evaluation.perplexity import perplexity, split_halves
from topicforge.evaluation.score import Score
from topicforge.evaluation.scores import Scores
from topicforge.evaluation.u_mass import u_mass, u_mass_from
from topicforge.evaluation.windows import window_cooccurrence
from topicforge.evaluation.word_vector_coherence import word_vector_coherence

__all__ = [
    "METRICS",
    "Cooccurrence",
    "MetricInput",
    "MetricSource",
    "MetricSpec",
    "Score",
    "Scores",
    "c_v",
    "document_cooccurrence",
    "evaluate",
    "inverted_rbo",
    "km_nmi",
    "km_purity",
    "nmi",
    "npmi",
    "npmi_from",
    "npmi_window",
    "perplexity",
    "purity",
    "split_halves",
    "topic_diversity",
    "topic_uniqueness",
    "u_mass",
    "u_mass_from",
    "window_cooccurrence",
    "word_vector_coherence",
]
