"""Faults of texts, labels and tables that were read without an error, each with the right value."""

import gzip
import io
import json
import os

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.feature_extraction.text import CountVectorizer

from topicforge.cli.evaluate import _read_lines
from topicforge.corpus import (
    Analyzer,
    Corpus,
    Counts,
    build_corpus,
    read_counts,
    read_texts,
    vectorizer,
)
from topicforge.errors import CorpusError, InputError, OptionError


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
    return path


# ---- how texts are cut -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("मैं हिन्दी की किताबें पढ़ता हूँ", ["मैं", "हिन्दी", "की", "किताबें", "पढ़ता", "हूँ"]),
        ("தமிழ் ஒரு செம்மொழி ஆகும்", ["தமிழ்", "ஒரு", "செம்மொழி", "ஆகும்"]),
        ("ภาษา ไทย ง่าย", ["ภาษา", "ไทย", "ง่าย"]),
        ("كِتَابٌ جَمِيلٌ", ["كِتَابٌ", "جَمِيلٌ"]),
        ("fu\u0308r die Gro\u0308\u00dfe", ["für", "die", "größe"]),
        ("İstanbul'da", ["istanbul", "da"]),
        ("Tie\u0302\u0301ng Vie\u0323\u0302t", ["tiếng", "việt"]),
        ("한국어 문장", ["한국어", "문장"]),
        ("می\u200cخواهم کتاب", ["می\u200cخواهم", "کتاب"]),
        ("Donau\u00addampf", ["donaudampf"]),
        ("𞤆𞤵𞤤𞤢𞤪 𞤀𞤣𞤤𞤢𞤥𞥆", ["𞤨𞤵𞤤𞤢𞤪", "𞤢𞤣𞤤𞤢𞤥𞥆"]),
        ("a_b x86 3d co2", ["x86", "co2"]),
    ],
)
def test_words_of_a_script(text, words):
    assert Analyzer("any")(text) == words


@pytest.mark.parametrize(
    "analyzer",
    [
        Analyzer(),
        Analyzer("any", stop_words=["the"], ngram_range=(1, 2), lowercase=False),
        Analyzer("zh", token_pattern=r"\S+", normalize="NFKC"),
    ],
)
def test_an_analyser_is_a_record(analyzer):
    assert Analyzer.from_json(json.loads(json.dumps(analyzer.to_json()))) == analyzer


@pytest.mark.parametrize("change", [{"language": "xx"}, {"token_pattern": "("}, {"lowercase": 1}])
def test_a_damaged_record_is_refused(change):
    with pytest.raises(InputError):
        Analyzer.from_json({**Analyzer().to_json(), **change})
    with pytest.raises(InputError, match="must have the fields"):
        Analyzer.from_json({"language": "en"})


def test_a_corpus_keeps_how_its_texts_were_cut(tmp_path):
    path = write(tmp_path / "t.txt", "New York is big\nNEW york times\n")
    analyzer = Analyzer("any", ngram_range=(1, 2), stop_words=["is"])
    for name, shards in (("a", None), ("b", {"documents": 1})):
        build_corpus(path, tmp_path / name, vectorizer=analyzer, shards=shards)
        corpus = Corpus.open(tmp_path / name)
        assert corpus.analyzer == analyzer
        again = vectorizer(corpus.analyzer, vocabulary=corpus.vocabulary)
        texts = [text for text, _ in read_texts(path)]
        assert (again.transform(texts) != corpus.counts.to_scipy()).nnz == 0
        assert "new_york" in corpus.vocabulary


def test_scikit_learns_own_settings_are_read_off():
    own = CountVectorizer(stop_words=["of"], token_pattern=r"\w+", lowercase=False)
    analyzer = Analyzer.of(own)
    text = "Days of Ärger 3d"
    assert sorted(analyzer(text)) == sorted(own.build_analyzer()(text))
    for foreign in (CountVectorizer(analyzer="char"), CountVectorizer(strip_accents="unicode")):
        assert Analyzer.of(foreign) is None


def test_words_that_can_not_be_counted_are_named(tmp_path):
    path = write(tmp_path / "t.txt", "new york\n")
    with pytest.warns(UserWarning, match=r"2 of the 3 words .* \(new_york, York\)"):
        build_corpus(path, vectorizer="any", vocabulary=["new", "new_york", "York"])
    with pytest.raises(CorpusError, match="can't be counted"):
        build_corpus(path, vectorizer="any", vocabulary=["new_york"])


def test_a_fit_and_a_corpus_keep_the_same_words(tmp_path):
    rng = np.random.default_rng(0)
    names = [f"w{a}{b}" for a in "abcdefghij" for b in "abcdefghij"]
    texts = [" ".join(rng.choice(names, 3, p=np.arange(1, 101) / 5050)) for _ in range(300)]
    texts[7] += " unique"
    path = write(tmp_path / "t.txt", "\n".join(texts) + "\n")
    fitted = vectorizer("en").fit(texts)
    built = build_corpus(path)
    assert tuple(fitted.get_feature_names_out()) == built.vocabulary
    assert "unique" not in built.vocabulary
    assert (fitted.transform(texts) != built.counts.to_scipy()).nnz == 0


# ---- labels ------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", [None, float("nan"), "", "nan", "None", "<NA>"])
@pytest.mark.parametrize("shards", [None, {"documents": 2}])
def test_missing_labels_are_no_class(tmp_path, missing, shards):
    path = write(tmp_path / "t.txt", "red blue\ngreen red\nblue red\n")
    corpus = build_corpus(path, tmp_path / "c", labels=["x", missing, "y"], shards=shards)
    assert Corpus.open(tmp_path / "c").labels == corpus.labels == ("x", None, "y")
    none = build_corpus(path, tmp_path / "d", labels=[missing] * 3, shards=shards)
    assert none.labels is None


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "json"])
def test_missing_labels_in_every_format(tmp_path, ending):
    rows = [{"text": "red", "label": "x"}, {"text": "blue", "label": None}]
    content = {
        "csv": "text,label\nred,x\nblue,\n",
        "tsv": "text\tlabel\nred\tx\nblue\t\n",
        "jsonl": "".join(json.dumps(row) + "\n" for row in rows),
        "json": json.dumps(rows),
    }[ending]
    read = read_texts(write(tmp_path / f"t.{ending}", content), {"label_column": "label"})
    assert list(read) == [("red", "x"), ("blue", None)]


@pytest.mark.parametrize("shards", [None, {"documents": 2}])
def test_dropped_documents_can_be_joined_back(tmp_path, shards):
    path = write(tmp_path / "t.txt", "red blue\n!\nblue red\n\ngreen red blue\n")
    labels = list("abcde")
    corpus = build_corpus(path, tmp_path / "c", drop_empty=True, labels=labels, shards=shards)
    assert Corpus.open(tmp_path / "c").rows.tolist() == corpus.rows.tolist() == [0, 2, 4]
    assert corpus.labels == ("a", "c", "e")


# ---- tables ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "reading", "found"),
    [
        ("a.csv", "A first document\nAnother one\n", {}, ["A first document", "Another one"]),
        ("a.csv", "review\nA first document\n", {}, ["A first document"]),
        ("a.csv", "review\nfine\n", {"header": False}, ["review", "fine"]),
        ("a.csv", "x;y\nz;w\n", {"header": False, "text_column": "1"}, ["y", "w"]),
        ("a.csv", "text;label\ngood, really;x\n", {"label_column": "label"}, ["good, really"]),
        ("a.csv", "label\ttext\nx\tgood\n", {}, ["good"]),
        ("a.txt", "x|one\ny|two\n", {"format": "csv", "text_column": "1"}, ["one", "two"]),
        ("a.tsv", 'id\ttext\n1\t"hello\n2\tworld" x\n', {"quoting": "none"}, ['"hello', 'world" x']),
        ("a.tsv", 'id\ttext\n1\t"a\n2\tb"\n', {"quoting": "minimal"}, ["a\n2\tb"]),
        ("corpus.tsv", 'the "cat\ttrain\tpets\ntwo dogs\ttest\tpets\n', {}, ['the "cat', "two dogs"]),
        ("a.jsonl", '{"text": ["red", "blue"]}\n', {}, ["red blue"]),
        ("a.json", '[{"text": "red"}, {"text": null}]', {}, ["red", ""]),
        ("a.json", '["red", "blue"]', {}, ["red", "blue"]),
        ("a.json", '{"text": "red"}\n{"text": "blue"}\n', {}, ["red", "blue"]),
    ],
)  # fmt: skip
def test_tables_as_they_come(tmp_path, name, content, reading, found):
    assert [text for text, _ in read_texts(write(tmp_path / name, content), reading)] == found


def test_octis_has_labels_in_the_third_column(tmp_path):
    path = write(tmp_path / "corpus.tsv", "one two\ttrain\tpets\nthree\ttest\t\n")
    assert list(read_texts(path)) == [("one two", "pets"), ("three", None)]


def test_a_quote_that_may_be_a_character_is_asked_about(tmp_path):
    path = write(tmp_path / "a.tsv", 'id\ttext\n1\tx\n2\t"hello\n3\tworld"\n')
    with pytest.raises(CorpusError, match=r"opens in line 3 and closes in line 4.*--quoting none"):
        list(read_texts(path))


def test_the_first_rows_are_logged(tmp_path, caplog):
    caplog.set_level("INFO", "topicforge")
    list(read_texts(write(tmp_path / "a.csv", "text;label\ngood;x\n")))
    assert "separated by ';', named by the first row" in caplog.text
    assert "text | label; good | x" in caplog.text


def test_the_text_column_is_one_column_for_the_whole_file(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"review": "fine"}\n{"title": "no text"}\n')
    with pytest.raises(CorpusError, match="line 2: column 'review' is not there"):
        list(read_texts(path))


@pytest.mark.parametrize("stray", ["README.md", "notes.txt", "b.tsv"])
def test_a_stray_file_beside_tables(tmp_path, stray):
    folder = tmp_path / "parts"
    folder.mkdir()
    write(folder / "a.csv", "text\nred blue\nblue red\n")
    write(folder / "_SUCCESS", "")
    assert build_corpus(folder).n_documents == 2
    write(folder / stray, "text\tx\n")
    with pytest.raises(CorpusError, match=r"holds tables .* and other files"):
        build_corpus(folder)


def test_parquet_strings_that_are_not_utf_8(tmp_path):
    pa = pytest.importorskip("pyarrow")
    pq = pytest.importorskip("pyarrow.parquet")
    raw = pa.array([b"caf\xe9"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": raw}), tmp_path / "a.parquet")
    with pytest.raises(CorpusError, match="strings must be UTF-8"):
        list(read_texts(tmp_path / "a.parquet"))


# ---- counts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comment", "reading", "first"),
    [
        ("# Column indices are zero-based\n", {}, 0),
        ("# Column indices are one-based\n", {}, 1),
        ("", {"first_index": 0}, 0),
        ("", {"first_index": 1}, 1),
        ("", {}, 1),
    ],
)
def test_svmlight_without_word_0(tmp_path, comment, reading, first):
    read = read_counts(write(tmp_path / "a.svm", f"{comment}1 1:2 3:1\n"), reading)
    wanted = [[2, 0, 1]] if first else [[0, 2, 0, 1]]
    assert read.counts.to_scipy().toarray().tolist() == wanted
    assert read.description["note"].startswith(f"words numbered from {first}, ")


def test_svmlight_with_word_0_is_not_numbered_from_1(tmp_path):
    path = write(tmp_path / "a.svm", "1 0:1\n")
    with pytest.raises(CorpusError, match=r"numbered from 1 .*got 0 to 0"):
        read_counts(path, {"first_index": 1})


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int16, bool, np.float32])
def test_duplicates_do_not_wrap(dtype):
    value = 1 if dtype is bool else 100
    times = 400
    matrix = sp.coo_array(
        (np.full(times, value, dtype), (np.zeros(times, int), np.zeros(times, int))), shape=(1, 1)
    )
    assert Counts.from_matrix(matrix).counts.tolist() == [value * times]


def test_an_integer_banner_over_fractions(tmp_path):
    head = "%%MatrixMarket matrix coordinate integer general\n% a comment\n1 1 1\n"
    assert read_counts(write(tmp_path / "a.mtx", f"{head}1 1 7\n")).counts.counts.tolist() == [7]
    with pytest.raises(CorpusError, match="whole numbers"):
        read_counts(write(tmp_path / "b.mtx", f"{head}1 1 1.7\n"))


def test_an_explicit_vocabulary_goes_first(tmp_path):
    write(tmp_path / "vocab.a.txt", "wrong\n")
    path = write(tmp_path / "docword.a.txt", "1\n2\n1\n1 2 3\n")
    assert build_corpus(path, vocabulary=["one", "two"]).vocabulary == ("one", "two")
    with pytest.raises(CorpusError, match="2 columns, 1 words"):
        build_corpus(path)


@pytest.mark.parametrize("words", [{"b": 1, "a": 0}, {"a": np.int64(0), "b": np.int64(1)}])
def test_a_mapping_of_words_is_read_by_its_numbers(words):
    assert Corpus(Counts.from_matrix([[1, 2]]), words).vocabulary == ("a", "b")


@pytest.mark.parametrize("words", [{"a", "b"}, {0: "a", 1: "b"}, {"a": 1, "b": 2}, "ab"])
def test_words_without_an_order_are_refused(words):
    with pytest.raises(InputError, match=r"sequence of words|its column, 0 to 1"):
        Corpus(Counts.from_matrix([[1, 2]]), words)


# ---- files -------------------------------------------------------------------------------------


def test_topics_and_texts_end_at_line_feeds(tmp_path):
    path = write(tmp_path / "a.txt", "\ufeffone\x0ctwo\nthree\u2028four\x85five\r\n")
    assert _read_lines(path, "a topic") == [["one", "two"], ["three", "four", "five"]]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    write(tmp_path / "t.txt", "red blue\n")
    with pytest.raises(CorpusError, match="pipe, socket or device"):
        build_corpus(tmp_path / "a.txt")
    with pytest.raises(CorpusError, match="pipe, socket or device"):
        build_corpus(tmp_path / "t.txt", vocabulary=tmp_path / "a.txt")
    with pytest.raises(CorpusError, match="pipe, socket or device"):
        read_counts("/dev/zero", {"format": "npz"})


@pytest.mark.parametrize("line", [b"\0" * (1 << 20), b"\n" * (1 << 20)])
def test_a_bomb_ends_with_a_sentence(tmp_path, line):
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        for _ in range(80):
            file.write(line)
    path = write(tmp_path / "a.txt.gz", packed.getvalue())
    with pytest.raises(CorpusError, match="decompression bomb"):
        for _ in read_texts(path):
            pass


def test_a_long_window_is_no_damage(tmp_path):
    zstd = pytest.importorskip("backports.zstd")
    options = {
        zstd.CompressionParameter.window_log: 28,
        zstd.CompressionParameter.enable_long_distance_matching: 1,
    }
    packer = zstd.ZstdCompressor(options=options)
    path = write(tmp_path / "a.txt.zst", packer.compress(b"red blue\n") + packer.flush())
    assert list(read_texts(path)) == [("red blue", None)]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"reading": {"delimiter": ";;"}}, "one character"),
        ({"reading": {"quoting": "all"}}, "quoting must be"),
        ({"reading": {"first_index": 2}}, "first_index must be"),
        ({"reading": {"text_colum": "x"}}, "Did you mean 'text_column'"),
        ({"reading": {"first_index": 0}}, "can't be given for format 'lines'"),
        ({"pruning": {"stop_words": "en"}}, "stop words of texts are the vectoriser's"),
        ({"vectorizer": 3}, "vectorizer must be"),
    ],
)
def test_options_that_do_not_fit(tmp_path, options, says):
    with pytest.raises(OptionError, match=says):
        build_corpus(write(tmp_path / "t.txt", "red\n"), **options)


def test_a_model_of_a_corpus_reads_texts_as_the_corpus_did(tmp_path):
    from topicforge import TopicModel, load

    texts = ["the New York times", "of York and the New city", "a city of the times"] * 5
    path = write(tmp_path / "t.txt", "\n".join(texts) + "\n")
    analyzer = Analyzer("any", ngram_range=(1, 2), lowercase=False)
    corpus = build_corpus(path, vectorizer=analyzer)
    model = TopicModel("etm", n_topics=2, epochs=1, seed=0).fit(corpus)
    model.save(tmp_path / "m")
    opened = load(tmp_path / "m")
    assert opened.vectorizer_.analyzer == analyzer
    np.testing.assert_allclose(opened.transform(texts), model.transform(corpus), rtol=1e-5)
