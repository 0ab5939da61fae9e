"""The server: what comes back, what is refused, and that no request is dropped."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra serve")
pytest.importorskip("prometheus_client", reason="needs the extra serve")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # of the client that the test client comes with
    from fastapi.testclient import TestClient

from topicforge import TopicModel
from topicforge.errors import InputError
from topicforge.serve import Limits, Served, create_app
from topicforge.serve.batcher import Batcher, BusyError

TEXTS = ["cats and dogs play together", "stars and moons shine together", "dogs chase cats"] * 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "animals"
    TopicModel("nvdm-gsm", n_topics=3, epochs=2, seed=0).fit(TEXTS).save(folder)
    return folder


@pytest.fixture(scope="module")
def model(folder):
    from topicforge import load

    return load(folder)


@pytest.fixture(scope="module")
def served(folder):
    return Served("animals", folder)


@pytest.fixture(scope="module")
def client(served):
    return TestClient(create_app([served], Limits(body_bytes=20_000, documents=50)))


def theta(model, texts):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.transform(texts)


def test_texts_give_theta_labels_and_words(client, model):
    answer = client.post("/models/animals/theta", json={"texts": TEXTS[:3], "top": 4})
    assert answer.status_code == 200
    told = answer.json()
    np.testing.assert_allclose(told["theta"], theta(model, TEXTS[:3]), atol=1e-7)
    assert [topic["words"] for topic in told["topics"]] == model.topics(4)
    assert [topic["label"] for topic in told["topics"]] == [
        row.label for row in model.topic_table()
    ]


def test_counts_are_those_of_the_texts(client, model):
    counts = [{"cats": 1, "dogs": 1, "chase": 1, "unheard-of": 7, "moons": 0}, {}]
    told = client.post("/models/animals/theta", json={"counts": counts}).json()
    np.testing.assert_allclose(told["theta"], theta(model, ["dogs chase cats", ""]), atol=1e-7)


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b"{", 400, "JSON"),
        (b"{}", 422, "either texts or counts"),
        (b'{"texts": []}', 422, "at least one document"),
        (b'{"texts": ["a"], "counts": [{}]}', 422, "either texts or counts"),
        (b'{"counts": [{"cats": -1}]}', 422, "greater than or equal to 0"),
        (b'{"counts": [{"cats": NaN}]}', 422, "body.counts.0.cats"),
        (b'{"texts": ["a"], "features": [[1.0]]}', 422, "reads counts alone"),
        (b'{"texts": ["a"], "top": 101}', 422, "less than or equal to 100"),
        (json.dumps({"texts": ["a"] * 51}).encode(), 413, "at most 50 documents"),
        (b" " * 20_001, 413, "at most 20000 bytes"),
    ],
)
def test_what_is_refused_says_why(client, body, status, detail):
    headers = {"Content-Type": "application/json"}
    answer = client.post("/models/animals/theta", content=body, headers=headers)
    assert answer.status_code == status
    assert detail in answer.json()["detail"]


def test_an_unknown_model(client):
    answer = client.post("/models/plants/theta", json={"texts": ["a"]})
    assert answer.status_code == 404
    assert "there are animals" in answer.json()["detail"]


def test_a_body_of_untold_length_is_limited_too(client):
    pieces = (b" " * 1000 for _ in range(21))
    answer = client.post("/models/animals/theta", content=pieces)
    assert answer.status_code == 413


def test_health_models_topics_and_metrics(client):
    assert client.get("/health").json() == {"status": "alive"}
    assert client.get("/ready").json() == {"status": "ready"}
    (told,) = client.get("/models").json()
    assert told["name"] == "animals"
    assert (told["n_topics"], told["n_features"], told["reads_texts"]) == (3, 0, True)
    assert len(client.get("/models/animals/topics").json()) == 3
    client.get("/models/nowhere/theta")
    text = client.get("/metrics").text
    assert 'topicforge_requests_total{route="/health",status="200"}' in text
    assert 'topicforge_documents_total{model="animals"}' in text
    assert "nowhere" not in text


def test_two_models_of_one_name(served):
    with pytest.raises(InputError, match="NAME=FOLDER"):
        create_app([served, served])


def test_a_wait_beyond_the_limit_ends_in_429(folder):
    one = Served("slow", folder)
    released = Event()
    original, one.batcher._run = one.batcher._run, lambda requests: (
        released.wait(10) and original(requests)
    )  # fmt: skip
    client = TestClient(create_app([one], Limits(seconds=0.05)))
    answer = client.post("/models/slow/theta", json={"texts": ["cats"]})
    released.set()
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "1"


class Document:
    def __init__(self, number, n_documents=1):
        self.number = number
        self.n_documents = n_documents


def test_what_arrives_meanwhile_is_the_next_batch():
    seen, release, started = [], Event(), Event()

    def run(requests):
        seen.append([request.number for request in requests])
        started.set()
        release.wait(10)
        return [-request.number for request in requests]

    batcher = Batcher(run, most_documents=3, most_waiting=3)
    futures = [batcher.submit(Document(1))]
    assert started.wait(10)
    futures += [batcher.submit(Document(number)) for number in (2, 3)]
    futures.append(batcher.submit(Document(4, n_documents=2)))
    with pytest.raises(BusyError, match="too many requests"):
        batcher.submit(Document(5))
    release.set()
    assert [future.result(10) for future in futures] == [-1, -2, -3, -4]
    assert seen == [[1], [2, 3], [4]]  # 2, 3 and 4 would be four documents


def test_an_error_of_one_request_is_not_the_others():
    def run(requests):
        return [ValueError("odd") if one.number % 2 else one.number for one in requests]

    batcher = Batcher(run, most_documents=10, most_waiting=10)
    odd, even = batcher.submit(Document(1)), batcher.submit(Document(2))
    with pytest.raises(ValueError, match="odd"):
        odd.result(10)
    assert even.result(10) == 2


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.mark.slow
def test_a_reload_drops_no_request(model, tmp_path):
    own = tmp_path / "own"
    model.save(own)
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    code = "from topicforge.cli import main; main()"
    server = subprocess.Popen(
        [sys.executable, "-c", code, "serve", f"m={own}", "--port", str(port)],
        stderr=subprocess.PIPE, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/ready", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, server.stderr.read().decode()
                time.sleep(0.1)
        body = json.dumps({"texts": [TEXTS[0]], "top": 0}).encode()

        def ask(_):
            request = urllib.request.Request(
                f"{address}/models/m/theta", body, {"Content-Type": "application/json"}
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                return tuple(json.load(answer)["theta"][0])

        before = ask(0)
        # another model of the same texts in its place
        TopicModel("nvdm-gsm", n_topics=4, epochs=1, seed=1).fit(TEXTS).save(own)
        with ThreadPoolExecutor(8) as clients:
            answers = clients.map(ask, range(200))
            os.kill(server.pid, signal.SIGHUP)
            found = set(answers)
        for _ in range(300):
            if len(ask(0)) == 4:
                break
            time.sleep(0.1)
        assert len(ask(0)) == 4
        assert found <= {before, ask(0)}
        metrics = urllib.request.urlopen(f"{address}/metrics").read().decode()
        assert 'topicforge_reloads_total{model="m",outcome="done"} 1.0' in metrics
        # a folder that is no model any more: the one in memory stays
        (own / "model.json").write_text("{")
        os.kill(server.pid, signal.SIGHUP)
        for _ in range(300):
            metrics = urllib.request.urlopen(f"{address}/metrics").read().decode()
            if 'outcome="failed"} 1.0' in metrics:
                break
            time.sleep(0.1)
        assert 'topicforge_reloads_total{model="m",outcome="failed"} 1.0' in metrics
        assert len(ask(0)) == 4
    finally:
        server.terminate()
        assert server.wait(30) in (0, -signal.SIGTERM)
        server.stderr.close()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_whatever_the_description_allows_ends_in_no_server_error(served):
    """Requests that hypothesis makes from /openapi.json, right and wrong, by schemathesis."""
    schemathesis = pytest.importorskip("schemathesis", reason="needs the extra test")
    from hypothesis import HealthCheck, Phase, given, settings
    from schemathesis.generation import GenerationMode
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app([served]))
    seen = Counter()
    operations = [operation.ok() for operation in schema.get_all_operations()]
    tried = [(operation, GenerationMode.POSITIVE) for operation in operations]
    # what has no body can't be wrong
    tried += [(operation, GenerationMode.NEGATIVE) for operation in operations if operation.body]
    for operation, mode in tried:

        @settings(
            max_examples=60, deadline=None, database=None, derandomize=True,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy(generation_mode=mode))
        def check(case):
            answer = case.call()
            # whether right documents are accepted depends on the model: this one reads no features
            case.validate_response(answer, excluded_checks=[positive_data_acceptance])
            assert answer.status_code < 500
            seen[answer.status_code] += 1

        check()
    assert seen.total() >= 100
    assert {200, 422} <= set(seen)
