from datetime import date, datetime

import numpy as np
import pytest

from topicforge.errors import InputError, OptionError
from topicforge.results import (
    Topics,
    document_table,
    topic_documents,
    topics_over_time,
    topics_per_class,
)

EVEN = np.full((2, 2), 0.5, dtype=np.float32)
TOPICS = Topics(EVEN, np.eye(2, dtype=np.float32), ("ball", "vote"))
THETA = np.array([[0.75, 0.25], [0.25, 0.75], [0.5, 0.5], [1, 0]], dtype=np.float32)
NONE = np.zeros(4, dtype=bool)


def test_document_table():
    empty = np.array([False, False, True, False])
    table = document_table(TOPICS, THETA, empty=empty, top=1, texts=["a" * 300, "b", "", "d"])
    first, second, third, _ = table
    assert (first.topic, first.label, first.share, first.topics) == (0, "ball, vote", 0.75, (0,))
    assert first.text == "a" * 200
    assert (second.topic, second.shares) == (1, (0.75,))
    assert (third.topic, third.label, third.share, third.topics) == (None, "", None, ())
    without = Topics(EVEN, EVEN, None, hidden=frozenset({0}))
    assert document_table(without, THETA, empty=NONE)[0].topics == (1,)


def test_topic_documents_come_by_their_share():
    found = topic_documents(TOPICS, THETA, 0, 2, empty=np.array([True, False, False, False]))
    assert [(row.document, row.share) for row in found] == [(3, 1.0), (2, 0.5)]
    with pytest.raises(OptionError, match="numbered 0 to 1, got 2"):
        topic_documents(TOPICS, THETA, 2, empty=NONE)


def test_topics_per_class_leaves_missing_labels_out_and_says_so():
    with pytest.warns(UserWarning, match="1 of 4 documents have no label"):
        table = topics_per_class(TOPICS, THETA, ["x", "y", "x", float("nan")])
    shares = [(row.label, row.topic, row.share, row.documents) for row in table]
    assert shares == [("x", 0, 0.625, 2), ("x", 1, 0.375, 2), ("y", 0, 0.25, 1), ("y", 1, 0.75, 1)]
    with pytest.raises(InputError, match="4 documents, 3 labels"):
        topics_per_class(TOPICS, THETA, ["x"] * 3)
    with pytest.raises(InputError, match="at least one document must have a label"):
        topics_per_class(TOPICS, THETA, [None] * 4)


def share_of_0(times, bins=None):
    table = topics_over_time(TOPICS, THETA, times, bins=bins)
    return [(row.time, row.share) for row in table if row.topic == 0]


def test_times_as_numbers():
    assert share_of_0([2001, 2000, 2001, 2000]) == [(2000.0, 0.625), (2001.0, 0.625)]
    # edges 0, 5, 10: 10 belongs to the last interval
    assert share_of_0([0, 4.9, 5, 10], 2) == [(0.0, 0.5), (5.0, 0.75)]
    assert share_of_0(["2000", "2000", "1999.5", "2000"])[0] == (1999.5, 0.5)


def test_times_as_dates():
    mixed = ["2020-01-31", datetime(2020, 2, 1), date(2020, 2, 29), np.datetime64("2021-01-01")]
    assert share_of_0(mixed, "year") == [("2020", 0.5), ("2021", 1.0)]
    assert [time for time, _ in share_of_0(mixed, "month")] == ["2020-01", "2020-02", "2021-01"]
    days = ["2020-01-31", "2020-02-01", "2020-02-29", "2021-01-01"]
    assert [time for time, _ in share_of_0(mixed)] == days
    # an hour east of Greenwich it is still the day before there
    zone = ["2020-01-01T00:30:00+01:00", "2020-01-01", "2020-01-01", "2020-01"]
    assert [time for time, _ in share_of_0(zone, "day")] == ["2019-12-31", "2020-01-01"]
    # from 31 January to 1 January there are 336 days: halves begin on 31 January and 17 July
    assert [time for time, _ in share_of_0(mixed, 2)] == ["2020-01-31", "2020-07-17"]


def test_times_that_cannot_be_read_are_named():
    with pytest.raises(
        InputError, match="a date as ISO 8601 writes it, got in document 1: 'May 5'"
    ):
        topics_over_time(TOPICS, THETA, ["2020-01-01", "May 5", "2020-01-02", "2020"])
    with pytest.raises(
        InputError, match="of one kind, numbers or dates, got in document 3: '2020'"
    ):
        topics_over_time(TOPICS, THETA, ["2020-01-01", "2020-01-01", "2020-01-02", "2020"])
    with pytest.raises(OptionError, match="needs dates, but times are numbers such as 1"):
        topics_over_time(TOPICS, THETA, [1, 2, 3, 4], bins="year")
    with pytest.raises(OptionError, match="got 'week'"):
        topics_over_time(TOPICS, THETA, [1, 2, 3, 4], bins="week")
    with pytest.warns(UserWarning, match="2 of 4 documents have no time"):
        assert share_of_0([1, None, float("nan"), 1]) == [(1.0, 0.875)]


def test_pandas_dates():
    pandas = pytest.importorskip("pandas")
    times = pandas.Series(pandas.to_datetime(["2020-01-01", "2020-01-02", None, "2020-01-02"]))
    with pytest.warns(UserWarning, match="1 of 4"):
        assert share_of_0(times) == [("2020-01-01", 0.75), ("2020-01-02", 0.625)]
