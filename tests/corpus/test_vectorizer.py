import subprocess
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import CountVectorizer

from topicforge.corpus import Counts, Pruning, vectorizer
from topicforge.corpus.stop_words import chinese, english
from topicforge.errors import InputError, MissingExtraError, OptionError

TEXTS = [
    "The cat doesn't sleep on the mat.",
    "Cats & dogs: 2 DOGS, a dog_house!",
    "",
    "x86 1999 3d",
]


def count(texts, language="en", **options):
    chosen = vectorizer(language, **options)
    counts = Counts.from_matrix(chosen.fit_transform(texts))
    return tuple(chosen.get_feature_names_out()), counts


def test_english_by_hand():
    words, counts = count(TEXTS)
    assert words == ("cat", "cats", "dog", "dogs", "house", "mat", "sleep", "x86")
    np.testing.assert_array_equal(
        counts.to_scipy().toarray(),
        [[1, 0, 0, 0, 0, 1, 1, 0], [0, 1, 1, 2, 1, 0, 0, 0], [0] * 8, [0] * 7 + [1]],
    )


@pytest.mark.parametrize("max_features", [None, 900])
def test_scikit_learns_own_pattern_gives_scikit_learns_own_counts(corpora, max_features):
    texts = (corpora / "bible_web" / "raw.txt").read_text(encoding="utf-8").split("\n")[:150]
    limits = {"min_df": 3, "max_df": 0.5, "max_features": max_features}
    theirs = CountVectorizer(stop_words="english", **limits)
    expected = theirs.fit_transform(texts)
    words, counts = count(
        texts, "any", token_pattern=r"(?u)\b\w\w+\b", stop_words=sorted(theirs.get_stop_words()),
        pruning=Pruning(**limits),
    )  # fmt: skip
    # of words that are equally frequent scikit-learn keeps any, so the totals are compared there
    assert sorted(counts.word_totals()) == sorted(np.asarray(expected.sum(0)).ravel())
    if max_features is None:
        assert list(words) == theirs.get_feature_names_out().tolist()
        assert (counts.to_scipy() != expected).nnz == 0


def test_no_language_has_no_stop_words_and_any_script():
    words, _ = count(["The größte кошка is here"], "any")
    assert words == ("größte", "here", "is", "the", "кошка")


def test_phrases_are_joined_by_an_underscore():
    words, counts = count(["new york city", "york city"], ngram_range=(1, 2))
    assert words == ("city", "new", "new_york", "york", "york_city")
    assert counts.word_totals().tolist() == [2, 1, 1, 2, 2]
    assert not any(" " in word for word in words)


def test_case_and_tokens_can_be_left_alone():
    words, _ = count(
        ["US us C++ the"], "en", lowercase=False, token_pattern=r"\S+", stop_words=None
    )
    assert words == ("C++", "US", "the", "us")


def test_own_stop_words_are_cut_as_texts_are():
    words, _ = count(["Don't dogs BARK"], stop_words=["don't", "Bark"])
    assert words == ("dogs",)


def test_a_saved_vocabulary_restores_the_vectorizer():
    fitted = vectorizer("en").fit(TEXTS)
    words = [str(w) for w in fitted.get_feature_names_out()]
    restored = vectorizer("en", vocabulary=words)
    assert (restored.transform(TEXTS) != fitted.transform(TEXTS)).nnz == 0
    shuffled = vectorizer("en", vocabulary=words[::-1]).transform(TEXTS)
    np.testing.assert_array_equal(shuffled.toarray(), fitted.transform(TEXTS).toarray()[:, ::-1])


@pytest.mark.parametrize("language", ["en", "zh", "any"])
def test_it_can_be_cloned_and_compared(language):
    first = vectorizer(language, ngram_range=(1, 2))
    assert clone(first).get_params() == first.get_params()


def test_an_iterator_is_read_once():
    words, counts = count(text for text in TEXTS)
    assert counts.n_documents == 4
    assert len(words) == 8


@pytest.mark.parametrize(
    ("texts", "says"),
    [
        ([], "at least one text"),
        (["", " "], "no words are left of 2 texts"),
        (["the of and"], "no words are left"),
        (["a text", None], "text 1 must be a string, got a NoneType"),
        (["a text", b"bytes"], "got a bytes"),
        ([["a", "text"]], "got a list"),
        ("a text", "one string"),
    ],
)
def test_what_is_no_list_of_texts(texts, says):
    with pytest.raises(InputError, match=says):
        count(texts)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"language": "eng"}, "Did you mean 'en'"),
        ({"language": ""}, "one of en, zh, any"),
        ({"token_pattern": "("}, "regular expression"),
        ({"token_pattern": "(a)(b)"}, "at most one group"),
        ({"ngram_range": (2, 1)}, "shortest <= longest"),
        ({"ngram_range": (0, 1)}, "shortest <= longest"),
        ({"ngram_range": (1, 1.5)}, "shortest <= longest"),
        ({"stop_words": "english"}, "'language', None or a sequence"),
        ({"stop_words": [1]}, "strings"),
    ],
)
def test_options_outside_their_domain(options, says):
    with pytest.raises(OptionError, match=says):
        vectorizer(**options)


def test_english_stop_words_fill_the_holes_and_are_stable_under_cutting():
    assert {"the", "did", "does", "doesn", "ve"} <= english()
    assert "won" not in english()
    vectorizer("en").fit(["a cat and a dog"])  # scikit-learn warns of lists that aren't stable


# ---- Chinese -----------------------------------------------------------------------------------


def test_chinese_by_hand():
    texts = ["我们研究地质构造，2020年的地质构造！", "Python语言 和 地质", "这是我们的。"]
    words, counts = count(texts, "zh")
    assert words == ("python", "地质", "构造", "研究", "语言")
    np.testing.assert_array_equal(
        counts.to_scipy().toarray(), [[0, 2, 2, 1, 0], [1, 1, 0, 0, 1], [0, 0, 0, 0, 0]]
    )


def test_chinese_phrases_and_own_stop_words():
    words, _ = count(["研究地质构造"], "zh", ngram_range=(2, 2), stop_words=["研究"])
    assert words == ("地质_构造",)


def test_chinese_stop_words_come_in_both_scripts():
    assert {"我们", "我們", "没有", "沒有", "这样", "這樣"} <= chinese()
    assert all(len(word) >= 2 and word.split() == [word] for word in chinese())


def test_segmented_chinese_needs_no_segmenter():
    words, _ = count(["地质构造 研究"], "zh", token_pattern=r"\S+")
    assert words == ("地质构造", "研究")


def test_jieba_is_silent_and_leaves_no_cache(tmp_path):
    code = (
        "from topicforge.corpus import vectorizer;"
        "print(vectorizer('zh').build_analyzer()('研究地质构造'))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={"TMPDIR": str(tmp_path), "PYTHONIOENCODING": "utf-8", "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip() == "['研究', '地质', '构造']"
    assert list(tmp_path.iterdir()) == []


def test_chinese_without_jieba_names_the_extra(monkeypatch):
    from topicforge.corpus.chinese import load_jieba

    load_jieba.cache_clear()
    monkeypatch.setitem(sys.modules, "jieba", None)
    with pytest.raises(MissingExtraError, match=r"topicforge\[zh\]"):
        vectorizer("zh").fit(["研究地质构造"])
