"""What users hand in: every kind of input at every door, accepted or refused in one sentence."""

import warnings

import numpy as np
import pytest
import torch
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer
from sklearn.pipeline import Pipeline

from topicforge import TopicModel, load
from topicforge.errors import InputError, OptionError

TEXTS = ["cats purr and sleep", "dogs bark and run", "stars shine at night"] * 4
COUNTS = CountVectorizer().fit_transform(TEXTS)
TOKENS = [text.split() for text in TEXTS]


def pandas():
    return pytest.importorskip("pandas", reason="needs pandas")


def polars():
    return pytest.importorskip("polars", reason="needs polars")


def arrow():
    return pytest.importorskip("pyarrow", reason="needs pyarrow")


def small(**params):
    return TopicModel(n_topics=2, epochs=1, **params)


DOORS = {
    "fit": lambda model, X: model.fit(X),
    "partial_fit": lambda model, X: model.partial_fit(X),
    "fit_transform": lambda model, X: model.fit(X).transform(TEXTS),
    "transform": lambda model, X: model.fit(TEXTS).transform(X),
    "score": lambda model, X: model.fit(TEXTS).score(X),
}
AS_TEXTS = {
    "a list": lambda: TEXTS,
    "a tuple": lambda: tuple(TEXTS),
    "an array": lambda: np.array(TEXTS),
    "an array of objects": lambda: np.array(TEXTS, dtype=object),
    "a column": lambda: pandas().DataFrame({"text": TEXTS})["text"],
    "a column of pandas' own strings": lambda: pandas().Series(TEXTS, dtype="string"),
    "a column whose index begins elsewhere": lambda: pandas().Series(TEXTS, index=range(7, 19)),
    "a frame with one column": lambda: pandas().DataFrame({"abstract": TEXTS}),
    "a frame with a column text": lambda: pandas().DataFrame({"t": TEXTS, "text": TEXTS, "n": 1}),
    "a column of polars": lambda: polars().Series(TEXTS),
    "a frame of polars": lambda: polars().DataFrame({"id": range(12), "text": TEXTS}),
    "an array of Arrow": lambda: arrow().array(TEXTS),
    "a column of Arrow": lambda: arrow().table({"text": TEXTS})["text"],
    "a table of Arrow": lambda: arrow().table({"text": TEXTS, "label": TEXTS}),
    "a generator": lambda: (text for text in TEXTS),
    "the values of a dictionary": lambda: dict(enumerate(TEXTS)).values(),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("form", AS_TEXTS)
def test_a_column_of_texts_is_accepted_everywhere(door, form):
    given, expected = (DOORS[door](small(), X) for X in (AS_TEXTS[form](), TEXTS))
    if isinstance(given, TopicModel):
        assert given.vocabulary_ == expected.vocabulary_
        given, expected = given.topic_word_, expected.topic_word_
    np.testing.assert_array_equal(given, expected)


REFUSED = {
    "one text": ("cats purr", "got a str; for a single document pass a list of one text"),
    "bytes": (b"cats purr", "got a bytes"),
    "a dictionary": ({"text": TEXTS}, "got a dict"),
    "nothing": ([], "got none"),
    "a number": ([*TEXTS[:3], 3], "document 3 is 3, a int"),
    "bytes among texts": ([*TEXTS[:3], b"x"], "document 3 is b'x'"),
    "a text among token lists": ([*TOKENS, "x"], "document 12 is 'x', a str"),
    "a frame with two columns of texts": (
        lambda: pandas().DataFrame({"title": TEXTS, "body": TEXTS, "n": 1}),
        r"'title' and 'body' hold text .* pass the column of the documents: X\['title'\]",
    ),
    "counts beside labels": (
        lambda: pandas().DataFrame({"cat": 1, "dog": 2, "label": TEXTS}),
        "'label' holds text and no column is called 'text'",
    ),
    "rows of a table": ([{"text": text} for text in TEXTS], "dict"),
    "three dimensions": (np.ones((2, 3, 4)), "dim 3"),
    "one dimension": (np.ones(4), "2D array"),
    "nothing at all": (None, "got"),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_documents_is_refused_in_one_sentence_everywhere(door, name):
    given, match = REFUSED[name]
    given = given() if callable(given) else given
    with pytest.raises(InputError, match=match):
        DOORS[door](small(), given)


TENSORS = {
    "dense": lambda: torch.from_numpy(COUNTS.toarray()),
    "COO": lambda: torch.from_numpy(COUNTS.toarray()).to_sparse_coo(),
    "CSR": lambda: torch.from_numpy(COUNTS.toarray()).to_sparse_csr(),
    "uncoalesced": lambda: torch.sparse_coo_tensor([[0, 0], [1, 1]], [1.0, 2.0], (2, 3)),
}


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
@pytest.mark.filterwarnings("ignore:Sparse invariant checks")
@pytest.mark.filterwarnings("ignore:TopicModel. 1 of 2 documents are empty")
@pytest.mark.parametrize("layout", TENSORS)
def test_tensors_are_counts_as_any(layout):
    tensor = TENSORS[layout]()
    given, expected = small().fit(tensor), small().fit(tensor.to_dense().numpy())
    np.testing.assert_array_equal(given.topic_word_, expected.topic_word_)


MISSING = {
    "None": lambda: [*TEXTS[:2], None, *TEXTS],
    "NaN": lambda: [*TEXTS[:2], float("nan"), *TEXTS],
    "pandas": lambda: pandas().Series([*TEXTS[:2], None, *TEXTS]),
    "pandas' NA": lambda: pandas().Series([*TEXTS[:2], None, *TEXTS], dtype="string"),
    "polars": lambda: polars().DataFrame({"text": [*TEXTS[:2], None, *TEXTS]}),
    "Arrow": lambda: arrow().array([*TEXTS[:2], None, *TEXTS]),
}


@pytest.mark.parametrize("form", MISSING)
def test_missing_texts_are_named_and_empty(form):
    model = small().fit(TEXTS)
    with (
        pytest.warns(
            UserWarning, match="1 of 15 documents are missing and taken as empty: numbers 2"
        ),
        pytest.warns(UserWarning, match="1 of 15 documents are empty"),
    ):
        theta = model.transform(MISSING[form]())
    np.testing.assert_array_equal(np.delete(theta, 2, 0), model.transform([*TEXTS[:2], *TEXTS]))


TOKEN_LISTS = {
    "lists": lambda: TOKENS,
    "a generator of tuples": lambda: (tuple(tokens) for tokens in TOKENS),
    "a column": lambda: pandas().Series(TOKENS),
    "a column of polars": lambda: polars().Series(TOKENS),
    "a table of Arrow": lambda: arrow().table({"tokens": TOKENS}),
}


@pytest.mark.parametrize("form", TOKEN_LISTS)
def test_tokens_are_counted_as_they_are(form, tmp_path):
    model = small().fit(TOKEN_LISTS[form]())
    # "and", a stop word of texts, stays; it is in 8 of 12 documents, and texts would lose it
    assert set(model.vocabulary_) == {token for tokens in TOKENS for token in tokens}
    model.save(tmp_path / "M")
    opened = load(tmp_path / "M")
    np.testing.assert_array_equal(opened.transform(TOKENS), opened.transform(TEXTS))


def test_tokens_keep_case_and_phrases_keep_together():
    documents = [["New York", "Cats"], ["New York", "dogs"]] * 6
    assert small().fit(documents).vocabulary_ == ("Cats", "New_York", "dogs")


@pytest.mark.filterwarnings("ignore:TopicModel. 1 of 4 documents are empty")
def test_bags_of_words_are_counts():
    bags = [[(0, 2), (2, 1)], [], [(1, 1.0), (0, 3)], [(2, 5)]]
    dense = np.array([[2, 0, 1], [0, 0, 0], [3, 1, 0], [0, 0, 5]])
    given, expected = small(vocabulary=["a", "b", "c"]).fit(bags), small().fit(dense)
    np.testing.assert_array_equal(given.transform(bags), expected.transform(dense))
    assert given.vocabulary_ == ("a", "b", "c")
    with pytest.raises(InputError, match="must lie in 0 to 2, got 3"):
        given.transform([[(3, 1)]])


def test_gensims_dictionary_names_the_columns():
    corpora = pytest.importorskip("gensim.corpora", reason="needs gensim")
    dictionary = corpora.Dictionary(TOKENS)
    bags = [dictionary.doc2bow(tokens) for tokens in TOKENS]
    model = small(vocabulary=dictionary.token2id).fit(bags)
    assert set(model.topics(3)[0]) <= set(dictionary.token2id)
    assert model.vocabulary_[dictionary.token2id["purr"]] == "purr"


def test_a_pipeline_shows_words_once_they_are_handed_on(tmp_path):
    pipeline = Pipeline([("counts", CountVectorizer()), ("topics", small())]).fit(TEXTS)
    model = pipeline[-1]
    assert isinstance(model.topics(3)[0][0], int)
    model.set_vocabulary(pipeline[:-1])
    assert model.vocabulary_ == tuple(pipeline["counts"].get_feature_names_out())
    np.testing.assert_array_equal(model.transform(TEXTS), pipeline.transform(TEXTS))
    model.set_vocabulary(pipeline["counts"]).save(tmp_path / "M")
    opened = load(tmp_path / "M")
    assert opened.topics(3) == model.topics(3)
    np.testing.assert_array_equal(opened.transform(TEXTS), pipeline.transform(TEXTS))
    with pytest.raises(InputError, match="must name every column"):
        model.set_vocabulary(["a", "b"])


def test_token_lists_are_counted_by_a_vectoriser_for_them():
    model = small(vectorizer=CountVectorizer(analyzer=list)).fit(TOKENS)
    assert set(model.vocabulary_) == {token for tokens in TOKENS for token in tokens}
    assert model.transform(TOKENS).shape == (12, 2)


def test_columns_of_hashes_have_no_words():
    model = small(vectorizer=HashingVectorizer(n_features=40, alternate_sign=False)).fit(TEXTS)
    assert model.vocabulary_ is None
    assert model.transform(TEXTS).shape == (12, 2)
    with pytest.raises(InputError, match=r"[Nn]egative"):
        small(vectorizer=HashingVectorizer(n_features=40)).fit(TEXTS)


WORDS = [f"w{v}" for v in range(COUNTS.shape[1])]
VOCABULARIES = {
    "a list": (WORDS, None),
    "an array": (np.array(WORDS), None),
    "word to column": ({word: v for v, word in reversed(list(enumerate(WORDS)))}, None),
    "word to numpy's numbers": ({word: np.int64(v) for v, word in enumerate(WORDS)}, None),
    "column to word": (dict(enumerate(WORDS)), "must give each word its column"),
    "columns with a gap": (
        {word: 2 * v for v, word in enumerate(WORDS)},
        "must give each word its column",
    ),
    "a set": (set(WORDS), "got a set"),
    "keys": (dict.fromkeys(WORDS, 0).keys(), "got a dict_keys"),
    "a string": ("".join(chr(97 + v) for v in range(len(WORDS))), "got one string"),
    "numbers": (list(range(len(WORDS))), "word 0 is a int"),
    "too few": (WORDS[:-1], "must name every column"),
    "one twice": ([*WORDS[:-1], "w0"], "'w0' is both"),
}
OF_WORDS = {
    "TopicModel(vocabulary=)": lambda words: small(vocabulary=words).fit(COUNTS).topics(3),
    "topics(vocabulary=)": lambda words: small().fit(COUNTS).topics(3, vocabulary=words),
}


@pytest.mark.parametrize("door", OF_WORDS)
@pytest.mark.parametrize("name", VOCABULARIES)
def test_words_are_read_in_the_order_of_their_columns_or_refused(door, name):
    given, match = VOCABULARIES[name]
    if match is None:
        assert OF_WORDS[door](given) == OF_WORDS[door](WORDS)
        return
    with pytest.raises(InputError, match=match):
        OF_WORDS[door](given)


@pytest.mark.parametrize("seed", [2**70, -1, "seven", 1.5, True, np.random.RandomState(0)])
def test_a_seed_is_a_whole_number_or_none(seed):
    with pytest.raises(OptionError, match="seed must be None or a whole number from 0"):
        small(seed=seed).fit(COUNTS)


# ---- several batches --------------------------------------------------------------------------

FRUIT = ["apple pear plum", "pear plum cherry", "apple cherry plum"] * 10
METAL = ["iron zinc lead", "zinc lead copper", "iron copper lead"] * 10


def test_topics_are_ranked_by_all_batches_of_partial_fits():
    vectorizer = CountVectorizer(vocabulary=sorted({w for t in FRUIT + METAL for w in t.split()}))
    model = TopicModel(n_topics=2, vectorizer=vectorizer, training={"accumulate": 1})
    for _ in range(10):
        model.partial_fit(FRUIT + METAL)
    one = {frozenset(topic) for topic in model.topics(4)}
    assert one == {frozenset(" ".join(kind).split()) for kind in (FRUIT, METAL)}
    model.partial_fit(FRUIT)
    assert {frozenset(topic) for topic in model.topics(4)} == one


def test_partial_fits_on_the_same_documents_rank_as_one_fit(planted):
    once = TopicModel(n_topics=3, epochs=2).fit(planted[0])
    more = TopicModel(n_topics=3, epochs=2)
    for _ in range(2):
        more.partial_fit(planted[0])
    np.testing.assert_array_equal(more.word_scores_, once.word_scores_)


def test_words_that_a_later_batch_brings_are_named():
    model = small().partial_fit(FRUIT)
    with pytest.warns(UserWarning, match=r"2 words of this batch are not counted.*\(zinc, iron"):
        model.partial_fit([*FRUIT, "zinc iron zinc plum"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.partial_fit(FRUIT)


def test_a_batch_without_a_known_word_is_refused_and_loses_nothing():
    model = small().partial_fit(FRUIT)
    before = model.topic_word_.copy()
    with pytest.raises(InputError, match="none of the 30 documents has a word of the first batch"):
        model.partial_fit(METAL)
    np.testing.assert_array_equal(model.topic_word_, before)
