import json
from dataclasses import dataclass

import pytest

from topicforge.errors import OptionError
from topicforge.results import Table


@dataclass(frozen=True)
class Row:
    topic: int
    words: tuple[str, ...]
    share: float | None


TABLE = Table(Row, [Row(0, ("a", "b"), 0.5), Row(1, ("c",), None)])
DICTS = [
    {"topic": 0, "words": ["a", "b"], "share": 0.5},
    {"topic": 1, "words": ["c"], "share": None},
]


def test_a_table_is_a_sequence_of_its_records():
    assert len(TABLE) == 2
    assert TABLE[1] == Row(1, ("c",), None)
    assert [row.topic for row in TABLE] == [0, 1]
    assert TABLE.columns == ("topic", "words", "share")
    assert TABLE.to_dicts() == DICTS
    assert Table(Row, []).columns == TABLE.columns


def rows_of_pandas(frame):
    return frame.astype(object).where(frame.notna(), None).to_dict("records")


@pytest.mark.parametrize(
    ("module", "method", "back"),
    [
        ("pandas", "to_pandas", rows_of_pandas),
        ("polars", "to_polars", lambda frame: frame.to_dicts()),
        ("pyarrow", "to_arrow", lambda frame: frame.to_pylist()),
    ],
)  # fmt: skip
def test_frames_have_the_same_rows(module, method, back):
    pytest.importorskip(module)
    assert back(getattr(TABLE, method)()) == DICTS
    empty = getattr(Table(Row, []), method)()
    assert len(empty) == 0
    assert tuple(map(str, getattr(empty, "column_names", None) or empty.columns)) == TABLE.columns


def test_files(tmp_path):
    TABLE.write(tmp_path / "t.json")
    assert json.loads((tmp_path / "t.json").read_text()) == DICTS
    TABLE.write(tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "topic,words,share\n0,a b,0.5\n1,c,\n"
    parquet = pytest.importorskip("pyarrow.parquet")
    TABLE.write(str(tmp_path / "t.parquet"))
    assert parquet.read_table(tmp_path / "t.parquet").to_pylist() == DICTS
    with pytest.raises(OptionError, match=r"\.csv, \.json, \.parquet.*'t\.xlsx'"):
        TABLE.write(tmp_path / "t.xlsx")
    assert not (tmp_path / "t.xlsx").exists()
