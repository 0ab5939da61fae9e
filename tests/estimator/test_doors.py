"""Faulty and unusual inputs at every door: what is accepted, and which error says what.

docs/reliability.md shows EXPECTED as tables, and the last test holds the page to them.
"""

import re
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import torch

from topicforge import TopicModel
from topicforge.corpus import Corpus, Counts, build_corpus, vectorizer
from topicforge.errors import TopicForgeError

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
WORDS = ("apple", "pear", "plum", "cherry")
TEXTS = [
    "apple pear apple",
    "pear plum",
    "plum cherry plum",
    "cherry apple",
    "pear cherry",
    "apple plum",
]
X = np.array([[text.split().count(word) for word in sorted(WORDS)] for text in TEXTS])


def model(**more):
    return TopicModel("w-lda", n_topics=2, epochs=1, encoder__hidden=(4,), **more)


def with_cell(value):
    changed = X.astype(float)
    changed[2, 1] = value
    return changed


def cell_of_texts(value, kind=list):
    return kind([TEXTS[0], value, *TEXTS[2:]])


COUNTS = {
    "dense counts": lambda: X,
    "scipy sparse counts": lambda: sp.csr_array(X),
    "sparse torch counts": lambda: torch.tensor(X).to_sparse_coo(),
    "Counts": lambda: Counts.from_matrix(X, "test"),
    "Corpus": lambda: Corpus(Counts.from_matrix(X, "test"), tuple(sorted(WORDS))),
    "data frame of counts": lambda: pd.DataFrame(X, columns=sorted(WORDS)),
    "bags of (word number, count)": lambda: [
        [(v, int(n)) for v, n in enumerate(row) if n] for row in X
    ],
    "a negative count": lambda: with_cell(-1),
    "a count that is NaN": lambda: with_cell(np.nan),
    "an infinite count": lambda: with_cell(np.inf),
    "one row of counts": lambda: X[0],
    "counts without documents": lambda: X[:0],
}
DOCUMENTS = {
    "list of texts": lambda: TEXTS,
    "generator of texts": lambda: iter(TEXTS),
    "array of texts": lambda: np.array(TEXTS, dtype=object),
    "pandas column of texts": lambda: pd.Series(TEXTS, index=range(7, 13)),
    "data frame, one column of texts": lambda: pd.DataFrame({"body": TEXTS}),
    "data frame, several columns, one called text": lambda: pd.DataFrame(
        {"title": TEXTS, "text": TEXTS}
    ),
    "data frame, several columns of texts": lambda: pd.DataFrame({"a": TEXTS, "b": TEXTS}),
    "lists of tokens": lambda: [text.split() for text in TEXTS],
    "a text that is None": lambda: cell_of_texts(None),
    "a text that is NaN": lambda: cell_of_texts(np.nan, pd.Series),
    "a text that is pd.NA": lambda: cell_of_texts(pd.NA, pd.Series),
    "a text that is a number": lambda: cell_of_texts(3),
    "a text that is bytes": lambda: cell_of_texts(b"apple"),
    "one string": lambda: TEXTS[0],
    "a dictionary": lambda: dict(enumerate(TEXTS)),
    "no text": list,
    "None": lambda: None,
}


def fitted(texts):
    return model().fit(TEXTS if texts else X)


def of_model(call):
    def door(X, texts):
        got = call(X, texts)
        numbers = got if isinstance(got, np.ndarray) else got.topic_word_
        assert np.isfinite(numbers).all()

    return door


def scored(X, texts):
    assert np.isfinite(fitted(texts).score(X))


def built(X, _):
    corpus = build_corpus(texts=X, pruning={"min_df": 1})
    assert corpus.counts.word_totals().sum() > 0


DOORS = {
    "fit": of_model(lambda X, _: model().fit(X)),
    "fit_transform": of_model(lambda X, _: model().fit_transform(X)),
    "partial_fit": of_model(lambda X, _: model().partial_fit(X)),
    "transform": of_model(lambda X, texts: fitted(texts).transform(X)),
    "score": scored,
    "build_corpus(texts=)": built,
}


def outcome(call):
    try:
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            call()
    except TopicForgeError as error:
        return f"{type(error).__name__}: {error}"
    return "; ".join(["accepted", *(str(w.message) for w in said)])


VOCABULARY_DOORS = {
    "TopicModel(vocabulary=)": lambda words: model(vocabulary=words).fit(X).topics(4),
    "topics(vocabulary=)": lambda words: fitted(False).topics(4, words),
    "Corpus(vocabulary=)": lambda words: Corpus(Counts.from_matrix(X, "test"), words),
    "build_corpus(vocabulary=)": lambda words: build_corpus(texts=X, vocabulary=words),
    "vectorizer(vocabulary=)": lambda words: vectorizer("en", vocabulary=words).fit_transform(
        TEXTS
    ),
}
VOCABULARIES = {
    "list": lambda: sorted(WORDS),
    "numpy array": lambda: np.array(sorted(WORDS)),
    "pandas index": lambda: pd.Index(sorted(WORDS)),
    "{word: column}": lambda: {"plum": 3, "apple": 0, "pear": 2, "cherry": 1},
    "{column: word}": lambda: dict(enumerate(sorted(WORDS))),
    "{word: column} with a gap": lambda: {"plum": 9, "apple": 0, "pear": 2, "cherry": 1},
    "set": lambda: set(WORDS),
    "string": lambda: "apple",
    "a word twice": lambda: ["apple", "apple", "pear", "plum"],
    "a word that is None": lambda: ["apple", None, "pear", "plum"],
    "a word too few": lambda: ["apple", "cherry", "pear"],
}
LABEL_DOORS = {
    "Corpus(labels=)": lambda labels: Corpus(Counts.from_matrix(X, "test"), None, labels).labels,
    "build_corpus(labels=)": lambda labels: build_corpus(texts=X, labels=labels).labels,
}
LABELS = {
    "list": lambda: list("abcabc"),
    "whole numbers": lambda: np.arange(6),
    "pandas column": lambda: pd.Series(list("abcabc")),
    "one is None": lambda: ["a", None, *"cabc"],
    "one is NaN": lambda: ["a", float("nan"), *"cabc"],
    "one is pd.NA": lambda: pd.Series(["a", pd.NA, *"cabc"]),
    "one too few": lambda: list("abcab"),
    "one string of labels": lambda: "abcabc",
    "lists": lambda: [["a"], ["b", "c"], ["a"], ["b"], ["a"], ["c"]],
}
SEEDS = {"0": 0, "2**63 - 1": 2**63 - 1, "None": None, "numpy.int64(3)": np.int64(3), "2**70": 2**70,
         "-1": -1, "'x'": "x", "True": True, "1.0": 1.0}  # fmt: skip
SEED_DOORS = {"TopicModel(seed=)": lambda seed: model(seed=seed).fit(X)}

BUILD = "build_corpus(texts=)"
MISSING = "accepted: 1 of 6 documents are missing and taken as empty"
EMPTY = "InputError: at least one document is needed"
ORDER = "InputError: the vocabulary must be a sequence of words in column order"
COLUMNS = "InputError: a mapping must give each word its column"
SEED = "OptionError: seed must be None or a whole number from 0 to 2**63 - 1"


def refused(words):
    """What an estimator refuses as input, the building of a corpus refuses as a corpus."""
    return f"InputError: {words}", {BUILD: f"CorpusError: {words}"}


def with_file(words, file):
    """A string is a file at one door."""
    return words, {f"build_corpus({kind}=)": f"CorpusError: {file}: there is no such file"
                   for kind in ("vocabulary", "labels")}  # fmt: skip


def of_words(words):
    inside = words.partition(": ")[2]
    return words, {"build_corpus(vocabulary=)": f"CorpusError: {inside}",
                   "build_corpus(labels=)": f"CorpusError: {inside}"}  # fmt: skip


#: row -> what holds at every door, and where another holds
EXPECTED = {
    **dict.fromkeys([*COUNTS, *DOCUMENTS, *VOCABULARIES, *LABELS, *SEEDS], ("accepted", {})),
    "data frame of counts": ("accepted", {
        "transform": "accepted: X has feature names", "score": "accepted: X has feature names",
    }),
    "a negative count": refused("counts must be >= 0"),
    "a count that is NaN": refused("contains NaN"),
    "an infinite count": refused("infinity"),
    "one row of counts": refused("2D array, got 1D array instead"),
    "counts without documents": refused("0 sample(s)"),
    "data frame, several columns of texts": (
        "InputError: a data frame in which 'a' and 'b' hold text and no column is called 'text'", {},
    ),
    "a text that is None": (MISSING, {}),
    "a text that is NaN": (MISSING, {}),
    "a text that is pd.NA": (MISSING, {}),
    "a text that is a number": ("InputError: document 1 is 3, a int", {}),
    "a text that is bytes": ("InputError: document 1 is b'apple', a bytes", {}),
    "one string": ("InputError: for a single document pass a list of one text", {}),
    "a dictionary": ("InputError: must be a list of texts or a matrix of counts, got a dict", {}),
    "no text": (EMPTY, {}),
    "None": ("InputError: got scalar array instead", {
        BUILD: "OptionError: either source or texts must be given", "TopicModel(seed=)": "accepted",
    }),
    "{column: word}": of_words(COLUMNS),
    "{word: column} with a gap": of_words(COLUMNS),
    "set": of_words(ORDER),
    "string": with_file(ORDER, "apple"),
    "a word twice": of_words("InputError: the vocabulary must hold each word once"),
    "a word that is None": of_words("InputError: words must be strings"),
    "a word too few": (
        "InputError: 4 columns, 3 words",
        {"build_corpus(vocabulary=)": "CorpusError: 4 columns, 3 words",
         "vectorizer(vocabulary=)": "accepted"},
    ),
    "one too few": of_words("InputError: 6 documents, 5 labels"),
    "one string of labels": with_file("InputError: labels must be a sequence", "abcabc"),
    "lists": of_words("InputError: the label must be a string or a number"),
    "2**70": (SEED, {}), "-1": (SEED, {}), "'x'": (SEED, {}), "True": (SEED, {}), "1.0": (SEED, {}),
}  # fmt: skip
GROUPS = (
    ("counts", COUNTS, DOORS), ("documents", DOCUMENTS, DOORS),
    ("vocabulary", VOCABULARIES, VOCABULARY_DOORS), ("labels", LABELS, LABEL_DOORS),
    ("seed", SEEDS, SEED_DOORS),
)  # fmt: skip
CELLS = [(group, row, door) for group, rows, doors in GROUPS for row in rows for door in doors]


@pytest.mark.parametrize(("group", "row", "door"), CELLS, ids=" | ".join)
def test_a_cell(group, row, door):
    _, rows, doors = next(one for one in GROUPS if one[0] == group)
    make, call = rows[row], doors[door]

    def work():
        value = make() if callable(make) else make
        return call(value, group == "documents") if doors is DOORS else call(value)

    usual, others = EXPECTED[row]
    kind, _, words = others.get(door, usual).partition(": ")
    found = outcome(work)
    assert re.match(rf"{kind}\b.*{re.escape(words)}", found, re.DOTALL), found
    if kind == "accepted" and not words:
        assert "missing" not in found


def test_words_keep_their_columns_at_every_door():
    """{word: column} is read by its numbers, in whatever order it lists them."""
    given = VOCABULARIES["{word: column}"]()
    expected = ("apple", "cherry", "pear", "plum")
    assert VOCABULARY_DOORS["Corpus(vocabulary=)"](given).vocabulary == expected
    assert VOCABULARY_DOORS["build_corpus(vocabulary=)"](given).vocabulary == expected
    counted = VOCABULARY_DOORS["vectorizer(vocabulary=)"](given)
    np.testing.assert_array_equal(counted.toarray(), X)
    assert model(vocabulary=given).fit(X).vocabulary_ == expected


def test_missing_labels_are_missing():
    for row in ("one is None", "one is NaN", "one is pd.NA"):
        for door in LABEL_DOORS.values():
            assert door(LABELS[row]()) == ("a", None, *"cabc")


def tables():
    """The page's tables: a row says what holds at every door, then where another holds."""
    for group, rows, doors in GROUPS:
        yield f"| {group} | at {', '.join(f'`{door}`' for door in doors)} | except |"
        yield "|---|---|---|"
        for row in rows:
            usual, others = EXPECTED[row]
            here = [f"`{door}`: {said}" for door, said in others.items() if door in doors]
            usual, here = (
                (here[0].partition(": ")[2], []) if len(doors) == 1 and here else (usual, here)
            )
            yield f"| {row} | {usual} | {'; '.join(here)} |"
        yield ""


def test_the_page_shows_the_tables():
    page = PAGE.read_text(encoding="utf-8")
    missing = [line for line in tables() if f"{line}\n" not in page]
    assert missing == [], "\n".join(tables())
