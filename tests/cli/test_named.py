import pytest
import typer

from topicforge.cli.named import read_named


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("stop-at", "stop-at"),
        ("my-package:stop-at", "my-package:stop-at"),
        ("stop-at:loss=90", ("stop-at", {"loss": 90})),
        ("my-package:stop-at:loss=9.5", ("my-package:stop-at", {"loss": 9.5})),
        ("log:log-dir=runs/a,b=c,every=2", ("log", {"log_dir": "runs/a", "b": "c", "every": 2})),
        ("log:at=[1,2],on=True,to=none", ("log", {"at": (1, 2), "on": True, "to": None})),
        ("log:tags={\"a\": \"x,y=1\"},n=1", ("log", {"tags": {"a": "x,y=1"}, "n": 1})),
        ("log:uri=sqlite:///a=b.db", ("log", {"uri": "sqlite:///a=b.db"})),
        ("log:note=one, two", ("log", {"note": "one, two"})),
        ("log:day=2026-01-02", ("log", {"day": "2026-01-02"})),
        ("log:note=", ("log", {"note": ""})),
    ],
)  # fmt: skip
def test_a_name_and_its_options(text, read):
    assert read_named([text], "--callback") == [read]


@pytest.mark.parametrize(
    "text", ["", "log:", "loss=3", ":loss=3", "log:=3", "log:a=1,a=2", "log:1=2"]
)
def test_what_cannot_be_read_is_said(text):
    with pytest.raises(typer.BadParameter, match="--callback"):
        read_named([text], "--callback")
