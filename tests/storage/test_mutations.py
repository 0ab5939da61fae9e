"""Damaged model and corpus folders: an equal result or an error of topicforge, never anything else.

TOPICFORGE_MUTATIONS sets how many damaged folders of each kind are tried; number n is always the same.
"""

import json
import os
import shutil
import warnings

import numpy as np
import pytest
import scipy.sparse as sp

import topicforge
from topicforge import TopicModel
from topicforge.corpus import Corpus, Counts, ShardedCounts
from topicforge.corpus.folder import CORPUS
from topicforge.errors import TopicForgeError
from topicforge.estimator.saved import MODEL, read_topics
from topicforge.storage import MANIFEST, write_manifest

COUNT = int(os.environ.get("TOPICFORGE_MUTATIONS", "120"))
DENSE = np.random.default_rng(1).poisson(0.4, (40, 12))
DENSE[:, 0] += 1
VALUES = (
    None, True, -1, 0, 1, 3, 2**31, 2**70, 0.5, 1e308, float("nan"), float("inf"), "", "x", "\x1b[31m",
    [], [1], {}, {"a": 1}, [[]], ["x", {}],
)  # fmt: skip


# ---- damage -----------------------------------------------------------------------------------


def flip(rng, path, _):
    data = bytearray(path.read_bytes())
    for place in rng.integers(len(data), size=rng.integers(1, 9)):
        data[place] ^= rng.integers(1, 256)
    path.write_bytes(data)


def truncate(rng, path, _):
    data = path.read_bytes()
    path.write_bytes(data[: rng.integers(len(data))])


def append(rng, path, _):
    path.write_bytes(path.read_bytes() + rng.bytes(rng.integers(1, 64)))


def delete(rng, path, _):
    del rng
    path.unlink()


def of_another(rng, path, other):
    del rng
    twin = other / path.name
    path.write_bytes(twin.read_bytes() if twin.is_file() else b"")


def swap(rng, path, _):
    mate = rng.choice([p for p in path.parent.iterdir() if p.is_file()])
    mine, others = path.read_bytes(), mate.read_bytes()
    path.write_bytes(others)
    mate.write_bytes(mine)


def places(value, found, at=()):
    """Every path to a value in JSON."""
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in items:
        found.append((*at, key))
        places(inner, found, (*at, key))
    return found


def change_json(rng, path, _):
    """One value of a JSON file is another, or is gone."""
    if path.suffix != ".json":
        return flip(rng, path, _)
    read = json.loads(path.read_bytes())
    every = places(read, [])
    *way, last = every[rng.integers(len(every))]
    inner = read
    for key in way:
        inner = inner[key]
    choice = rng.integers(len(VALUES) + 1)
    if choice == len(VALUES):
        del inner[last]
    else:
        inner[last] = VALUES[choice]
    return path.write_text(json.dumps(read))


DAMAGE = (
    flip,
    flip,
    truncate,
    append,
    delete,
    of_another,
    swap,
    change_json,
    change_json,
    change_json,
)


def damaged(number, folder, other, kind):
    """Damage a folder; returns what was done, and whether the manifest was written anew after it."""
    rng = np.random.default_rng((number, 0 if kind is MODEL else 1))
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    path, act = files[rng.integers(len(files))], DAMAGE[rng.integers(len(DAMAGE))]
    act(rng, path, other)
    signed = path.name != MANIFEST and bool(rng.integers(2))
    if signed:
        write_manifest(folder, kind)
    return f"{act.__name__} {path.relative_to(folder)}{', signed' if signed else ''}", signed


# ---- what is read -----------------------------------------------------------------------------


def of_model(folder):
    fitted = topicforge.load(folder)
    saved = read_topics(folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        theta = fitted.transform(DENSE[:, : fitted.n_features_in_])
    repr(fitted)
    fitted.explain()
    numbers = [theta, fitted.topic_word_, saved.readout.topic_word]
    for rows in numbers:
        np.testing.assert_allclose(rows.sum(1), 1, atol=2e-3)
    return numbers, [fitted.topics(5), saved.topics(5), fitted.vocabulary_]


def of_corpus(folder):
    corpus = Corpus.open(folder)
    counts = corpus.counts
    crow, col, count = counts.rows(range(0, counts.n_documents, 3))
    numbers = [
        counts.to_scipy().toarray(), counts.word_totals(), counts.lengths(), crow, col, count,
        counts.document_frequencies(), counts.document_totals(),
    ]  # fmt: skip
    repr(corpus)
    assert (numbers[0] >= 0).all()
    return numbers, [corpus.vocabulary, corpus.labels, corpus.name, corpus.n_empty]


def same(one, other):
    return one[1] == other[1] and all(
        np.array_equal(a, b) for a, b in zip(one[0], other[0], strict=True)
    )


# ---- folders ----------------------------------------------------------------------------------


def words(n):
    return tuple(f"word{chr(97 + v)}" for v in range(n))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Kind -> pairs of folders: what is damaged, and another of its kind."""
    root = tmp_path_factory.mktemp("whole")
    small = {"n_topics": 3, "epochs": 1, "vocabulary": words(12)}
    models = {
        "default": TopicModel(**small),
        "gmntm": TopicModel("gmntm", encoder__hidden=(8,), decoder__width=4,
                            training__pretrain_epochs=1, **small),
        "d-vae": TopicModel("d-vae", encoder__hidden=(8,), **small),
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, model in models.items():
            model.fit(DENSE).save(root / name)
        texts = [" ".join(np.repeat(words(9), row[:9])) for row in DENSE]
        TopicModel(n_topics=2, epochs=1).fit(texts).save(root / "texts")
    counts = Counts.from_matrix(sp.csr_array(DENSE), "test")
    labels = tuple("ab"[i % 2] if i % 5 else None for i in range(len(DENSE)))
    Corpus(counts, words(12), labels, "plain", {"a": [1, "b"]}).save(root / "plain")
    shards = ShardedCounts([counts.select(slice(0, 15)), counts.select(slice(15, 40))])
    Corpus(shards, words(12), None, "sharded").save(root / "sharded")
    Corpus(counts.select(slice(0, 7)), None, None, "few").save(root / "few")
    return {
        MODEL: [(root / a, root / b) for a, b in (("default", "texts"), ("gmntm", "default"),
                                                 ("d-vae", "gmntm"), ("texts", "d-vae"))],
        CORPUS: [(root / a, root / b) for a, b in (("plain", "few"), ("sharded", "plain"),
                                                  ("few", "sharded"))],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "read"), [(MODEL, of_model), (CORPUS, of_corpus)], ids=["model", "corpus"]
)
def test_a_damaged_folder_is_an_error_or_changes_nothing(folders, tmp_path, kind, read):
    """Where the manifest was written anew, another valid number is another valid folder."""
    pairs = folders[kind]
    whole = [read(folder) for folder, _ in pairs]
    outcomes = {"error": 0, "equal": 0, "other, signed": 0}
    wrong = []
    for number in range(COUNT):
        folder, other = pairs[number % len(pairs)]
        copy = tmp_path / "copy"
        shutil.copytree(folder, copy)
        what, signed = damaged(number, copy, other, kind)
        try:
            found = read(copy)
        except TopicForgeError:
            outcomes["error"] += 1
        except Exception as error:
            wrong.append(f"{number}: {folder.name}: {what}: {type(error).__name__}: {error!s:.200}")
        else:
            equal = same(found, whole[number % len(pairs)])
            if not equal and not signed:
                wrong.append(f"{number}: {folder.name}: {what}: another result")
            outcomes["equal" if equal else "other, signed"] += 1
        shutil.rmtree(copy)
    print(kind.name, outcomes)
    assert not wrong, f"{len(wrong)} of {COUNT}\n" + "\n".join(wrong[:60])
    assert outcomes["error"] > COUNT / 2
