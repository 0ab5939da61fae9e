"""Columns by hashing: those of scikit-learn's HashingVectorizer."""

import numpy as np
import pytest
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.utils import murmurhash3_32

from topicforge.corpus import Corpus, build_corpus
from topicforge.corpus.analyzer import word_pattern
from topicforge.corpus.streaming.columns import hashed_column, name_buckets
from topicforge.errors import InputError

TEXTS = [
    "Deep topic models learn topics from documents",
    "",
    "documents hold words, words form topics; words again",
    "数据 模型 naïve Ärger x86 co2",
    "!",
    *(f"shared term{chr(97 + i % 26)}{chr(97 + i // 26)} filler" for i in range(60)),
]


@pytest.fixture
def lines(tmp_path):
    (tmp_path / "t.txt").write_text("".join(f"{text}\n" for text in TEXTS), encoding="utf-8")
    return tmp_path / "t.txt"


@pytest.mark.parametrize("buckets", [1, 7, 64, 100_003])
def test_columns_of_sklearn(lines, tmp_path, buckets):
    built = build_corpus(
        lines, tmp_path / "c", vectorizer="any", shards={"hash_buckets": buckets, "documents": 20}
    )
    wanted = HashingVectorizer(
        n_features=buckets, alternate_sign=False, norm=None, token_pattern=word_pattern().pattern
    ).transform(TEXTS)
    wanted.sum_duplicates()
    found = built.counts.to_scipy()
    for name in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    assert built.vocabulary is None
    assert built.vocab_size == buckets
    assert built.description["hash_buckets"] == buckets
    Corpus.open(tmp_path / "c", verify=True)


def unshifted(h, shift):
    """The x with x ^ (x >> shift) == h, in 32 bits."""
    x = h
    for _ in range(32 // shift):
        x = h ^ (x >> shift)
    return x


def test_the_hash_that_has_no_absolute_value_in_32_bits():
    """|-2^31| does not fit an int32. MurmurHash3 of four bytes can be inverted step by step."""
    mask = 2**32 - 1

    def over(factor):
        return pow(factor, -1, 2**32)

    def turned(x, left):
        return (x << left | x >> (32 - left)) & mask

    h = unshifted(2**31, 16) * over(0xC2B2AE35) & mask  # the finalisation
    h = unshifted(unshifted(h, 13) * over(0x85EBCA6B) & mask, 16) ^ 4
    k = turned((h - 0xE6546B64) * over(5) & mask, 32 - 13)  # the one block, seed 0
    k = turned(k * over(0x1B873593) & mask, 32 - 15) * over(0xCC9E2D51) & mask
    word = k.to_bytes(4, "little")
    assert murmurhash3_32(word, seed=0) == -(2**31)
    assert hashed_column(word, 1000) == 2**31 % 1000


def test_names_are_the_most_frequent_words(lines, tmp_path):
    built = build_corpus(
        lines,
        output=tmp_path / "c",
        vectorizer="any",
        shards={"hash_buckets": 16, "hash_names": True, "documents": 20},
    )
    plain = build_corpus(lines, vectorizer="any", pruning={"min_df": 1, "max_df": 1.0})
    totals = dict(zip(plain.vocabulary, plain.counts.word_totals(), strict=True))
    assert len(set(built.vocabulary)) == 16
    for column, name in enumerate(built.vocabulary):
        inside = [word for word in totals if hashed_column(word.encode(), 16) == column]
        assert name == max(inside, key=totals.__getitem__)  # of equals the first, they are sorted


def test_names_of_empty_buckets_are_no_words():
    word = b"bucket_0"
    own = hashed_column(word, 2)
    records = [(word, 1, 5)]
    names = name_buckets(records, 2)
    other = f"bucket_{1 - own}"
    assert names[own] == "bucket_0"
    assert names[1 - own] == (other if other != "bucket_0" else "bucket_0_")
    with pytest.raises(InputError, match="UTF-8"):
        name_buckets([("\ud800".encode("utf-8", "surrogatepass"), 1, 1)], 2)


def test_same_with_workers(lines, tmp_path):
    for workers in (1, 2):
        build_corpus(
            lines,
            vectorizer="any",
            output=tmp_path / str(workers),
            shards={"hash_buckets": 50, "hash_names": True, "documents": 9, "workers": workers},
        )
    files = [
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.*")}
        for n in ("1", "2")
    ]
    assert files[0] == files[1]
