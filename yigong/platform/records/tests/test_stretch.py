"""What is stored under the keys of a frame is found however those keys lie among the stored ones."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from yigong.kit.ctx import system
from yigong.platform.records import api as records
from yigong.platform.records import loading, tables

TABLE = "laboratory_test_record"
STORED = range(0, 2400, 2)  # even numbers are stored
WAYS = {
    "the same keys": range(0, 2400, 2),
    "neighbours, half of them new": range(600, 1200),
    "every tenth of what is stored": range(0, 2400, 20),
    "two ends, all between them left out": [*range(0, 200), *range(2200, 2400)],
    "close in the middle, one far before": [0, *range(2000, 2200, 2)],
    "few": [0, 1, 2398],
    "none of them": range(1, 2399, 2),
    "behind all": range(5000, 5200),
}


@pytest.fixture
def stored(db: None) -> None:
    """Rows of one source, and rows of another under the same keys."""
    for system_name in ("LIS", "OTHER"):
        records.load(system(), TABLE, frame(STORED, source_system=system_name))


@pytest.mark.feature("C06")
@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("name", WAYS)
def test_known_rows_are_known_wherever_they_lie(name: str) -> None:
    """Rows loaded again are unchanged, new ones are new and changed ones the next version, whatever way leads to them."""
    numbers = list(WAYS[name])
    known = [n for n in numbers if n in STORED]
    again = records.load(system(), TABLE, frame(numbers))
    assert (again.unchanged, again.inserted, again.updated) == (len(known), len(numbers) - len(known), 0)
    changed = records.load(system(), TABLE, frame(numbers, value=2.0))
    assert (changed.updated, changed.unchanged, changed.inserted) == (len(numbers), 0, 0)


@pytest.mark.feature("C06")
@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(("name", "stretch"), [("the same keys", True), ("every tenth of what is stored", False)])
def test_neighbours_are_read_as_one_stretch(name: str, stretch: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys that lie as the stored ones do are asked for by the first and the last of them, scattered ones each by itself."""
    said: list[str] = []
    ask = tables.ask
    monkeypatch.setattr(loading.tables, "ask", lambda sql, *more: (said.append(sql), ask(sql, *more))[1])
    records.load(system(), TABLE, frame(WAYS[name]))
    assert any("any(%s)" in sql for sql in said) is not stretch


def frame(numbers: range | list[int], *, value: float = 1.0, source_system: str = "LIS") -> pl.DataFrame:
    """A row for each number."""
    return pl.DataFrame({
        "registration_id": 1, "org_code": "100000001X", "source_system": source_system,
        "source_key": [f"K{n:06d}" for n in numbers], "event_at": datetime(2026, 3, 1, 1, tzinfo=UTC),
        "laboratory_test_item_code": "K", "laboratory_test_quantitative_result": value,
    })  # fmt: skip
