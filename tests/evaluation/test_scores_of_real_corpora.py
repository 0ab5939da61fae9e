"""Topics of real corpora, against an independent program that judges plain files."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.decomposition import LatentDirichletAllocation

from topicforge.evaluation import evaluate, perplexity

_JUDGE = Path(__file__).resolve().parents[2].parent / "shared" / "tools" / "judge_topics.py"
_TEXTS = 200


def read_lines(path):
    return path.read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module", params=["bible_web", "bible_cuv", "reuters_r8"])
def fitted(request, corpora):
    """Counts, words, labels and texts of 900 documents, with topics and theta of a short LDA."""
    folder = corpora / request.param
    if not folder.is_dir():
        pytest.skip(f"corpus {request.param} not found in {corpora}")
    bow = sp.load_npz(folder / "train.npz")[:900]
    vocabulary = read_lines(folder / "vocab.txt")
    lda = LatentDirichletAllocation(8, max_iter=2, learning_method="online", random_state=0)
    theta = lda.fit_transform(bow).astype(np.float32)
    order = np.argsort(-lda.components_, axis=1)[:, :25]
    return {
        "bow": bow,
        "vocabulary": vocabulary,
        "topics": [[vocabulary[v] for v in row] for row in order],
        "theta": theta,
        "labels": read_lines(folder / "labels.txt")[:900],
        "texts": [line.split() for line in read_lines(folder / "texts.txt")[:_TEXTS]],
        "lda": lda,
    }


def judge(folder, given, *, with_texts):
    def lines(name, values):
        path = folder / name
        path.write_text("".join(f"{value}\n" for value in values), encoding="utf-8")
        return str(path)

    sp.save_npz(folder / "bow.npz", given["bow"])
    np.save(folder / "theta.npy", given["theta"])
    command = [
        *(sys.executable, str(_JUDGE)),
        *("--topics", lines("topics.txt", map(" ".join, given["topics"]))),
        *("--vocab", lines("vocab.txt", given["vocabulary"])),
        *("--bow", str(folder / "bow.npz")),
        *("--theta", str(folder / "theta.npy")),
        *("--labels", lines("labels.txt", given["labels"])),
    ]
    if with_texts:
        command += ["--texts", lines("texts.txt", map(" ".join, given["texts"]))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(not _JUDGE.is_file(), reason=f"the judge is not at {_JUDGE}")
def test_agrees_with_the_judge(fitted, tmp_path):
    # words of the topics that the first texts lack are left out of c_v by both
    verdict = judge(tmp_path, fitted, with_texts=True)
    assert verdict.pop("topics") == 8
    inputs = {name: value for name, value in fitted.items() if name not in ("topics", "lda")}
    ours = evaluate(fitted["topics"], **inputs, metrics=verdict)
    # the judge rounds to four digits
    assert ours.values_only() == pytest.approx(verdict, abs=1e-4)
    assert len(verdict) == 9


@pytest.mark.skipif(not _JUDGE.is_file(), reason=f"the judge is not at {_JUDGE}")
def test_agrees_with_the_judge_on_topics_of_ten_words_that_share_words(fitted, tmp_path):
    topics = [topic[:10] for topic in fitted["topics"]]
    topics += [[*topics[0][5:], *topics[1][:5]], topics[2][::-1]]
    topics = [list(dict.fromkeys(topic)) for topic in topics]
    topics = [topic for topic in topics if len(topic) == 10]
    verdict = judge(tmp_path, {**fitted, "topics": topics}, with_texts=False)
    inputs = {name: fitted[name] for name in ("bow", "vocabulary", "theta", "labels")}
    ours = evaluate(topics, **inputs)
    assert verdict.pop("topics") == len(topics)
    assert {name: ours[name].value for name in verdict} == pytest.approx(verdict, abs=1e-4)
    assert verdict["tu"] < 1


def test_perplexity_of_one_topic_is_the_unigram_models(fitted):
    bow = fitted["bow"]
    share = np.asarray(bow.sum(0), dtype=float).ravel() / bow.sum()
    first, second = bow.copy(), bow[::-1]  # any halves will do: one topic ignores the first
    score = perplexity(lambda h: np.ones((h.shape[0], 1)), share[None], halves=(first, second))
    entropy = -(share[share > 0] @ np.log(share[share > 0]))
    assert score.value == pytest.approx(np.exp(entropy), rel=1e-9)


def test_topics_predict_the_other_half_better_than_word_frequencies(fitted):
    lda, bow = fitted["lda"], fitted["bow"]
    beta = lda.components_ / lda.components_.sum(1, keepdims=True)
    share = np.asarray(bow.sum(0), dtype=float) / bow.sum()
    by_topics = perplexity(lda.transform, beta, bow).value
    by_frequency = perplexity(lambda h: np.ones((h.shape[0], 1)), share.reshape(1, -1), bow).value
    assert by_topics < by_frequency < bow.shape[1]
