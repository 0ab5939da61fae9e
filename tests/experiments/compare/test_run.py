import json
import multiprocessing
import re
import threading
import time

import numpy as np
import pytest

from topicforge.corpus import Corpus, Counts
from topicforge.errors import InputError, OutputError, StorageError
from topicforge.experiments.compare import Store, read_plan, run
from topicforge.experiments.compare.plan import DEFAULT_METRICS
from topicforge.experiments.compare.run import run_cell
from topicforge.experiments.compare.train import train

FAST = 'n_topics = 3\n[compositions.fast]\npreset = "nvdm-gsm"\nepochs = 1\n'


def test_a_cell_holds_what_it_takes_to_repeat_it(study):
    record = run_cell(read_plan(study(FAST)).cells()[0])
    assert record["status"] == "done"
    assert len(record["topics"]) == 3
    assert set(record["scores"]) == {*DEFAULT_METRICS}
    assert None not in record["scores"].values()
    assert record["ranked_by"].startswith("association")
    # by relevance, the scores of words alone, at every lambda
    assert list(record["relevance"]) == ["1", "0.8", "0.6", "0.4", "0.2", "0"]
    assert set(record["relevance"]["0.6"]) == {*DEFAULT_METRICS} - {"purity", "nmi"}
    assert record["seconds"]["fit"] > 0
    assert record["settings"]["encoder"]["name"] == "topicforge:mlp"
    assert record["settings"]["training"]["epochs"] == 1
    assert {"torch", "topicforge", "numpy"} <= set(record["versions"])
    again = run_cell(read_plan(study(FAST)).cells()[0])
    assert again["topics"] == record["topics"]
    assert again["scores"] == record["scores"]


def test_cells_run_in_processes_and_never_twice(study, tmp_path):
    cells = read_plan(study(FAST, both=True)).cells()
    store = Store(tmp_path / "out")
    seen = []
    run(
        cells, store, jobs=2, on_done=lambda cell, record: seen.append((cell.key, record["status"]))
    )
    assert sorted(seen) == sorted((cell.key, "done") for cell in cells)
    run(cells, store, on_done=lambda *_: pytest.fail("a finished cell ran again"))
    store.export(store.records(cells))
    rows = json.loads((tmp_path / "out" / "results.json").read_text())
    from pyarrow import parquet

    table = parquet.read_table(tmp_path / "out" / "results.parquet").to_pylist()
    assert table == rows
    assert {row["corpus"] for row in rows} == {"first", "second"}
    words = parquet.read_table(tmp_path / "out" / "topics.parquet").to_pylist()
    assert [w["word"] for w in words if (w["corpus"], w["topic"]) == ("first", 0)] == (
        store.read(cells[0])["topics"][0]
    )


def test_half_a_file_counts_as_nothing(study, tmp_path):
    cell = read_plan(study(FAST)).cells()[0]
    store = Store(tmp_path / "out")
    run([cell], store, jobs=1)
    path = next((tmp_path / "out").glob("cells/**/cell.json"))
    path.write_text(path.read_text()[:50])
    ran = []
    run([cell], store, jobs=1, on_done=lambda *given: ran.append(given[1]["status"]))
    assert ran == ["done"]


def test_a_failed_cell_is_kept_with_its_reason_and_retried_on_request(study, tmp_path):
    text = f"{FAST}learning_rate = 1e30\nepochs = 20\n".replace("epochs = 1\n", "")
    cells = read_plan(study(text)).cells()
    store, ran = Store(tmp_path / "out"), []

    def note(_, record):
        ran.append((record["status"], record["error"]))

    run(cells, store, jobs=1, on_done=note)
    assert ran[0][0] == "failed"
    assert "must be finite" in ran[0][1]
    run(cells, store, jobs=1, on_done=note)
    assert len(ran) == 1
    run(cells, store, jobs=1, retry_failed=True, on_done=note)
    assert len(ran) == 2


def test_a_process_that_dies_fails_its_cell_alone(study, tmp_path):
    text = "n_topics = 3\n" + "".join(
        f'[compositions.{name}]\npreset = "nvdm-gsm"\nepochs = {epochs}\n'
        for name, epochs in (("endless", 1_000_000), ("fast", 1))
    )
    cells = read_plan(study(text)).cells()
    store = Store(tmp_path / "out")

    def kill_all():
        # the fast cell ends first; the only one left at work is the endless one
        while store.read(cells[1]) is None:
            time.sleep(0.05)
        for process in multiprocessing.active_children():
            process.kill()

    killer = threading.Thread(target=kill_all)
    killer.start()
    run(cells, store, jobs=2)
    killer.join()
    assert store.read(cells[1])["status"] == "done"
    died = store.read(cells[0])
    assert died["status"] == "failed"
    assert "exit code -9" in died["error"]


def test_a_peer_is_scored_as_a_composition_is(study, corpora):
    own = read_plan(study(FAST)).cells()[0]
    found = train(own)
    from topicforge import TopicModel
    from topicforge.corpus import Corpus

    model = TopicModel("nvdm-gsm", n_topics=3, epochs=1).fit(Corpus.open(corpora / "first-train"))
    lines = "".join(" ".join(topic) + "\n" for topic in found["topics"])
    (corpora / "first-3-0.txt").write_text(lines)
    np.save(corpora / "first-3-0.npy", model.transform(Corpus.open(corpora / "first-test")))
    (corpora / "first-3-0.json").write_text('{"seconds": {"fit": 1.5}, "versions": {"peer": "2"}}')
    text = (
        "n_topics = 3\n[peers.copy]\ntopics = '{corpus}-{n_topics}-{seed}.txt'\n"
        "theta = '{corpus}-{n_topics}-{seed}.npy'\nfacts = '{corpus}-{n_topics}-{seed}.json'\n"
    )
    record = run_cell(read_plan(study(text)).cells()[0])
    assert record["scores"] == found["scores"]
    assert record["active_topics"] == found["active_topics"]
    assert (record["seconds"], record["versions"]) == ({"fit": 1.5}, {"peer": "2"})


@pytest.mark.parametrize(
    ("name", "content", "match"),
    [
        ("topics", b"word1 word2\n", "must hold 3 topics, got 1"),
        ("topics", b"word1\nword2\nstrange\n", "topic 2 has 'strange'"),
        ("topics", b"\xff\n", "one topic per line"),
        ("theta", b"no array", "must be a .npy file"),
        ("theta", np.zeros((2, 3)), r"must have shape \(40, 3\), got \(2, 3\)"),
        ("theta", np.array([{}]), "must be a .npy file"),
        ("facts", b"{", "must be JSON"),
        ("facts", b"[]", "must be a JSON object"),
    ],
)
def test_a_peers_unusable_file_is_named(study, corpora, name, content, match):
    (corpora / "topics").write_text("word1 word2\n" * 3)
    np.save(corpora / "theta.npy", np.full((40, 3), 1 / 3))
    (corpora / "theta.npy").rename(corpora / "theta")
    (corpora / "facts").write_text("{}")
    if isinstance(content, bytes):
        (corpora / name).write_bytes(content)
    else:
        with (corpora / name).open("wb") as file:
            np.save(file, content, allow_pickle=content.dtype == object)
    text = "n_topics = 3\n[peers.p]\ntopics = 'topics'\ntheta = 'theta'\nfacts = 'facts'\n"
    record = run_cell(read_plan(study(text)).cells()[0])
    assert record["status"] == "failed"
    assert re.search(match, record["error"])
    assert "Traceback" not in record["error"]


def test_a_folder_of_something_else_stays_as_it_is(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"holds 'thesis\.txt'"):
        Store(tmp_path)


def test_one_process_at_a_time_writes_to_a_study(study, tmp_path):
    cells = read_plan(study(FAST)).cells()
    store = Store(tmp_path / "out")
    with store.held(), pytest.raises(StorageError, match="in use by process"):
        run(cells, store, jobs=1)
    run(cells, store, jobs=1)
    assert store.read(cells[0])["status"] == "done"


def test_scores_on_other_documents_by_hand(tmp_path):
    """Held out: words 0 and 1 meet in one of two documents; 0 and 2, 1 and 2 never do."""
    words = ("a", "b", "c", "d")
    train = np.array([[1, 1, 1, 0], [1, 0, 0, 1], [0, 1, 0, 1], [0, 0, 1, 1]])
    test = np.array([[2, 1, 0, 0], [0, 0, 1, 1]])
    for name, counts in (("train", train), ("test", test)):
        Corpus(Counts.from_matrix(counts, "test"), words, None, name).save(tmp_path / name)
    np.save(tmp_path / "v.npy", np.array([[1.0, 0], [0, 2], [0, 0], [3, 3]]))
    np.save(tmp_path / "beta.npy", np.array([[0.6, 0.2, 0.1, 0.1]]))
    (tmp_path / "t.txt").write_text("a b c\n")
    (tmp_path / "study.toml").write_text(
        "n_topics = 1\nmetrics = ['npmi_held_out', 'npmi_thinned', 'never_meet', 'wec', 'perplexity']\n"
        "[peers.p]\ntopics = 't.txt'\ntopic_word = 'beta.npy'\n"
        "[corpora.x]\ntrain = 'train'\nheld_out = 'test'\nvectors = 'v.npy'\n"
    )
    record = run_cell(read_plan(tmp_path / "study.toml").cells()[0])
    assert record["error"] is None
    scores = record["scores"]
    assert scores["never_meet"] == pytest.approx(2 / 3)
    # p(a) = p(b) = p(a, b) = 1/2: ln(2) / ln(2); the others never
    assert scores["npmi_held_out"] == pytest.approx((1 - 1 - 1) / 3)
    # training documents 0 and 3: a and b meet in one of two, c is in both and with a and b once:
    # ln((1/2) / (1/2 * 1)) = 0
    assert scores["npmi_thinned"] == pytest.approx((1 + 0 + 0) / 3)
    # c has no vector; a and b are orthogonal
    assert scores["wec"] == pytest.approx(0)
    assert scores["perplexity"] is None
    # lift: a 0.6 / (2/9), the others below 1: the order by lambda 0 is a, b, c, d or a, b, d, c
    assert record["relevance"]["0"]["wec"] is not None


def test_chance_and_no_training_take_part_on_request(study):
    text = "chance = true\nuntrained = true\n" + FAST
    cells = read_plan(study(text)).cells()
    assert [cell.contestant for cell in cells] == ["chance", "fast", "fast, untrained"]
    by_chance, _, untrained = (run_cell(cell) for cell in cells)
    assert by_chance["status"] == untrained["status"] == "done"
    assert untrained["settings"]["training"]["epochs"] == 0
    # three groups of equal size: the largest share of one topic is little above 1/3
    assert 1 / 3 <= by_chance["scores"]["purity"] < 0.6
    assert by_chance["relevance"] == {}
    with pytest.raises(InputError, match="chance must be true or false"):
        read_plan(study("chance = 1\n" + FAST))
