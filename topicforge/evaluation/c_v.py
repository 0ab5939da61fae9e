"""C_V coherence, computed by gensim."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from importlib.util import find_spec

from topicforge.errors import InputError, MissingExtraError
from topicforge.evaluation.cooccurrence import distinct_words
from topicforge.evaluation.reference import check_texts, describe
from topicforge.evaluation.score import Score
from topicforge.evaluation.topics import check_whole, top_words


def c_v_available() -> bool:
    """Return whether gensim, the extra ``coherence``, is installed."""
    return find_spec("gensim") is not None


def c_v(
    topics: Iterable[Sequence[str]],
    texts: Sequence[Sequence[str]],
    *,
    window: int = 110,
    top: int = 10,
    reference: str | None = None,
) -> Score:
    """Mean over words w of the cosine between the NPMI vectors of w and of the topic's word set.

    gensim's ``CoherenceModel(coherence="c_v")`` does the work: boolean sliding windows, NPMI with
    1e-12 added to p_ij, gamma = 1. It forgets a repeated word when its first copy leaves the
    window, and it drops topic words that the texts lack; the rule printed says so.

    Args:
        topics: K lists of words, the most probable first.
        texts: reference documents as sequences of tokens; read twice, so a list and no generator.
        window: width of the sliding window in tokens; 110 in the source.
        top: words per topic, at least 2.
        reference: name of the corpus, for the provenance.

    Returns:
        Score, with each topic's.

    Raises:
        MissingExtraError: gensim is not installed.
        OptionError: ``window`` or ``top`` outside its domain.
        InputError: unusable topics or texts; a topic with fewer than two words in the texts; a
            value that is not finite.

    Source: Röder, Both and Hinneburg 2015 (C_V).
    """
    check_whole(window, "window", least=1, where="c_v")
    words = top_words(topics, top, where="c_v", least=2)
    if not c_v_available():
        raise MissingExtraError(
            "c_v: this score is computed by gensim, which is not installed; "
            "install it with: pip install 'topicforge[coherence]'"
        )
    from gensim.corpora import Dictionary  # heavy, and an extra
    from gensim.models.coherencemodel import CoherenceModel

    documents = list(check_texts(texts, where="c_v"))
    dictionary = Dictionary([list(text) for text in documents])
    known = dictionary.token2id
    missing = [word for word in distinct_words(words) if word not in known]
    kept = [[word for word in topic if word in known] for topic in words]
    for number, topic in enumerate(kept):
        if len(topic) < 2:
            raise InputError(
                f"c_v: topic {number} must have at least two words that occur in the texts, "
                f"got {len(topic)}; are the texts tokenised like the topics?"
            )
    model = CoherenceModel(
        topics=kept,
        texts=documents,
        dictionary=dictionary,
        window_size=window,
        coherence="c_v",
        topn=top,
        processes=1,  # gensim's worker processes would change the order of sums
    )
    values = tuple(float(value) for value in model.get_coherence_per_topic())
    if not all(map(math.isfinite, values)):
        number = next(n for n, value in enumerate(values) if not math.isfinite(value))
        raise InputError(
            f"c_v: gensim gives topic {number} the value {values[number]}; "
            f"its words ({', '.join(kept[number])}) have no usable co-occurrence in these texts"
        )
    rule = "gensim, gamma 1, 1e-12 added to each joint probability"
    if missing:
        rule += f"; {len(missing)} words that the texts lack left out ({', '.join(missing[:3])}"
        rule += ", …)" if len(missing) > 3 else ")"
    return Score(
        name="c_v",
        value=sum(values) / len(values),
        per_topic=values,
        reference=describe(reference, len(documents), "texts"),
        window=window,
        top=top,
        rule=rule,
        source="Röder et al. 2015 (C_V)",
    )
