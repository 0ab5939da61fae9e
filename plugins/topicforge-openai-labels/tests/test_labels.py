"""The labeler against a server on this machine."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from topicforge import TopicModel, list_components
from topicforge.plugin import OptionError, TopicForgeError, TopicSummary

from topicforge_openai_labels import label, prompt_for

TEXTS = ["home team ball game", "ball game score", "vote party law", "law vote senate"] * 10
TOPIC = TopicSummary(3, ("ball", "game"), ("ball",), ("ball game",), ("a\n text", "x" * 400))


class StandIn:
    """Answers in order what it was told to; the last answer again and again."""

    def __init__(self):
        self.answers, self.requests = ["Sport"], []
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stand_in.requests.append((self.path, self.headers["Authorization"], body))
                answers = stand_in.answers
                answer = answers.pop(0) if len(answers) > 1 else answers[0]
                status, data = 200, answer
                if isinstance(answer, int):
                    status, data = answer, "busy"
                elif isinstance(answer, str):
                    data = {"choices": [{"message": {"role": "assistant", "content": answer}}]}
                raw = data if isinstance(data, bytes) else json.dumps(data).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                self.wfile.write(raw)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr("topicforge_openai_labels.labeler.time.sleep", lambda _: None)
    stand_in = StandIn()
    thread = threading.Thread(target=stand_in.server.serve_forever)
    thread.start()
    yield stand_in
    stand_in.server.shutdown()
    thread.join()
    stand_in.server.server_close()


def ask(stand_in, topic=TOPIC, **options):
    return label(topic, base_url=stand_in.url, model="m", **options)


def test_what_is_sent_is_the_prompt_that_can_be_seen(stand_in, monkeypatch):
    monkeypatch.setenv("MY_KEY", "secret")
    assert ask(stand_in, api_key_variable="MY_KEY", language="German") == "Sport"
    ((path, key, body),) = stand_in.requests
    assert (path, key, body["model"]) == ("/v1/chat/completions", "Bearer secret", "m")
    (message,) = body["messages"]
    assert message["content"] == prompt_for(TOPIC, language="German")
    assert "ball, game" in message["content"]
    assert f"- a text\n- {'x' * 300}" in message["content"]
    assert "x" * 301 not in message["content"]
    assert prompt_for(TOPIC, documents=0).endswith("Texts:\nnone")


def test_a_question_is_asked_once(stand_in, tmp_path):
    assert ask(stand_in) == ask(stand_in) == "Sport"
    assert len(stand_in.requests) == 1
    (kept,) = (tmp_path / "topicforge-labels").iterdir()
    record = json.loads(kept.read_text())
    assert (record["label"], record["prompt"]) == ("Sport", prompt_for(TOPIC))
    assert "Authorization" not in kept.read_text()
    kept.write_text("{")
    stand_in.answers = ["Games."]
    assert ask(stand_in) == "Games"
    ask(stand_in, language="French")
    assert len(stand_in.requests) == 3
    ask(stand_in, cache=None, language="French")
    assert len(stand_in.requests) == 4


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"choices": [{"message": {"content": None, "refusal": "I can't"}}]}, "refused: I can't"),
        ({"choices": []}, r"must have choices\[0\]"),
        (b"<html>", r"must have choices\[0\]"),
        ({"choices": [{"message": {"content": None}}]}, "content must be text"),
        ("two\nlines", "one line"),
        ("x" * 81, "at most 80"),
        ("  ", "one line"),
        (401, "status 401: .*busy"),
        (503, "status 503"),
    ],
)
def test_a_broken_answer_is_refused_and_not_kept(stand_in, answer, said, tmp_path):
    stand_in.answers = [answer]
    with pytest.raises(TopicForgeError, match=said):
        ask(stand_in)
    assert not (tmp_path / "topicforge-labels").exists()
    assert len(stand_in.requests) == (3 if answer == 503 else 1)


def test_a_busy_server_is_asked_again(stand_in):
    stand_in.answers = [429, 503, "Sport"]
    assert ask(stand_in) == "Sport"


def test_no_server():
    with pytest.raises(TopicForgeError, match="no answer"):
        label(TOPIC, base_url="http://127.0.0.1:9/v1", model="m", cache=None, timeout=5)


def test_nothing_is_sent_unasked():
    for options in ({}, {"base_url": "file:///etc", "model": "m"}, {"base_url": "http://x/v1"}):
        with pytest.raises(OptionError, match="base_url must be"):
            label(TOPIC, **options)
    with pytest.raises(OptionError, match=r"may have \{words\}"):
        prompt_for(TOPIC, prompt="{word}")


def test_topicforge_names_the_topic_that_failed_and_a_second_run_asks_for_that_alone(stand_in):
    assert "openai" in {spec.name for spec in list_components("labeler")}
    model = TopicModel(n_topics=2, epochs=2, seed=0).fit(TEXTS)
    labeler = ("openai", {"base_url": stand_in.url, "model": "m"})
    stand_in.answers = ["Sport", "two\nlines"]
    with pytest.warns(UserWarning, match="1 of 2 topics keep the label .*topic 1: TopicForgeError"):
        labels = model.label_topics(labeler, TEXTS)
    assert labels[0] == "Sport"
    stand_in.answers = ["Politics"]
    assert model.label_topics(labeler, TEXTS) == ["Sport", "Politics"]
    assert len(stand_in.requests) == 3
