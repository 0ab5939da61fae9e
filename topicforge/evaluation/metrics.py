"""The metrics of topicforge itself, written as any package writes its own."""

from __future__ import annotations

from types import MappingProxyType

from topicforge.evaluation.c_v import c_v
from topicforge.evaluation.clustering import clustering
from topicforge.evaluation.diversity import inverted_rbo, topic_diversity, topic_uniqueness
from topicforge.evaluation.metric import BUILTIN, MetricSpec
from topicforge.evaluation.metric_input import MetricInput
from topicforge.evaluation.npmi import npmi_from, npmi_window
from topicforge.evaluation.perplexity import perplexity
from topicforge.evaluation.score import Score
from topicforge.evaluation.u_mass import u_mass_from
from topicforge.evaluation.word_vector_coherence import wec_from

_COUNTED = ("bow", "vocabulary")
_LABELLED = ("theta", "labels")


def _npmi(given: MetricInput, *, never: float = -1.0, unseen: str = "never") -> Score:
    """See :func:`npmi`.

    Args:
        given: the inputs.
        never: value of a pair that never co-occurs, in [-1, 1].
        unseen: pairs with a word that the reference lacks: ``never`` counts them as never
            co-occurring, ``error`` raises.
    """
    return npmi_from(given.words, given.cooccurrence, never=never, unseen=unseen)


def _npmi_window(
    given: MetricInput, *, window: int = 10, never: float = -1.0, unseen: str = "never"
) -> Score:
    """See :func:`npmi_window`.

    Args:
        given: the inputs.
        window: width of the sliding window, in tokens.
        never: value of a pair that never co-occurs, in [-1, 1].
        unseen: pairs with a word that the reference lacks: ``never`` counts them as never
            co-occurring, ``error`` raises.
    """
    return npmi_window(
        given.topics, given.texts, window=window, top=given.top, never=never, unseen=unseen,
        reference=given.texts_reference,
    )  # fmt: skip


def _c_v(given: MetricInput, *, window: int = 110) -> Score:
    """See :func:`c_v`.

    Args:
        given: the inputs.
        window: width of the sliding window, in tokens.
    """
    return c_v(
        given.topics, given.texts, window=window, top=given.top, reference=given.texts_reference
    )


def _u_mass(
    given: MetricInput, *, smoothing: float = 1.0, aggregate: str = "mean", unseen: str = "floor"
) -> Score:
    """See :func:`u_mass`.

    Args:
        given: the inputs.
        smoothing: documents added to each joint count, above 0.
        aggregate: ``mean`` or ``sum`` over the pairs of a topic.
        unseen: pairs conditioned on a word that the reference lacks: ``floor`` counts the lowest
            value there can be, ``error`` raises.
    """
    return u_mass_from(
        given.words, given.cooccurrence, smoothing=smoothing, aggregate=aggregate, unseen=unseen
    )


def _wec(given: MetricInput) -> Score:
    return wec_from(given.words, given.word_vectors, given.vocabulary)


def _td(given: MetricInput, *, top: int = 25) -> Score:
    """See :func:`topic_diversity`.

    Args:
        given: the inputs.
        top: words per topic.
    """
    return topic_diversity(given.topics, top=top)


def _tu(given: MetricInput) -> Score:
    return topic_uniqueness(given.topics, top=given.top)


def _irbo(given: MetricInput, *, p: float = 0.9) -> Score:
    """See :func:`inverted_rbo`.

    Args:
        given: the inputs.
        p: weight of going one word deeper, in (0, 1).
    """
    return inverted_rbo(given.topics, top=given.top, p=p)


def _by_argmax(given: MetricInput) -> dict[str, Score]:
    names = ("purity", "nmi")
    return given.once(
        (BUILTIN, *names),
        lambda: clustering(given.theta, given.labels, names, reference=given.documents),
    )


def _by_k_means(given: MetricInput) -> dict[str, Score]:
    names = ("km_purity", "km_nmi")
    return given.once(
        (BUILTIN, *names),
        lambda: clustering(given.theta, given.labels, names, reference=given.documents),
    )


def _purity(given: MetricInput) -> Score:
    return _by_argmax(given)["purity"]


def _nmi(given: MetricInput) -> Score:
    return _by_argmax(given)["nmi"]


def _km_purity(given: MetricInput) -> Score:
    return _by_k_means(given)["km_purity"]


def _km_nmi(given: MetricInput) -> Score:
    return _by_k_means(given)["km_nmi"]


def _perplexity(given: MetricInput, *, seed: int = 0) -> Score:
    """See :func:`perplexity`.

    Args:
        given: the inputs.
        seed: of the split of each document in two halves.
    """
    return perplexity(
        given.transform if given.has("transform") else None,
        given.topic_word if given.has("topic_word") else None,
        given.heldout if given.has("heldout") else None,
        completion=given.completion if given.has("completion") else None,
        halves=given.halves if given.has("halves") else None,
        seed=seed,
        reference=given.documents,
    )


#: metric name -> what it needs and how it is computed, in the order of a full evaluation
METRICS = MappingProxyType(
    {
        spec.name: spec
        for spec in (
            MetricSpec(
                "npmi", _npmi,
                summary="normalised PMI of word pairs in documents",
                source="Lau 2014; Bouma 2009", needs=_COUNTED, higher_is_better=True,
            ),
            MetricSpec(
                "npmi_window", _npmi_window,
                summary="normalised PMI of word pairs in sliding windows",
                source="Lau 2014; Bouma 2009", needs=("texts",), higher_is_better=True,
            ),
            MetricSpec(
                "c_v", _c_v,
                summary="C_V coherence, by gensim",
                source="Roder 2015", needs=("texts",), higher_is_better=True,
            ),
            MetricSpec(
                "u_mass", _u_mass,
                summary="log conditional probability of word pairs",
                source="Mimno 2011, eq. 1", needs=_COUNTED, higher_is_better=True,
            ),
            MetricSpec(
                "wec", _wec,
                summary="mean cosine of the top words' vectors",
                source="Fang 2016", needs=("word_vectors", "vocabulary"), higher_is_better=True,
            ),
            MetricSpec(
                "td", _td,
                summary="share of distinct words among top words",
                source="Dieng 2020", higher_is_better=True,
            ),
            MetricSpec(
                "tu", _tu,
                summary="mean of 1 / topics that a top word is in",
                source="Nan 2019", higher_is_better=True,
            ),
            MetricSpec(
                "irbo", _irbo,
                summary="1 - rank-biased overlap of topics",
                source="Bianchi 2021; Webber 2010, eq. 23", higher_is_better=True,
            ),
            MetricSpec(
                "purity", _purity,
                summary="purity of clusters by largest topic",
                source="Manning 2008, section 16.3", needs=_LABELLED, higher_is_better=True,
            ),
            MetricSpec(
                "nmi", _nmi,
                summary="mutual information of labels and largest topics",
                source="Manning 2008, section 16.3", needs=_LABELLED, higher_is_better=True,
            ),
            MetricSpec(
                "km_purity", _km_purity,
                summary="purity of k-means clusters of theta",
                source="Manning 2008, section 16.3", needs=_LABELLED, higher_is_better=True,
            ),
            MetricSpec(
                "km_nmi", _km_nmi,
                summary="mutual information of labels and k-means clusters",
                source="Manning 2008, section 16.3", needs=_LABELLED, higher_is_better=True,
            ),
            MetricSpec(
                "perplexity", _perplexity,
                summary="held-out perplexity per token by document completion",
                source="Wallach 2009",
                needs=("completion|transform", "completion|topic_word", "heldout|halves"),
                higher_is_better=False,
            ),
        )
    }
)  # fmt: skip
