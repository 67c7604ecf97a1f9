"""Text of sources as numbers, days and moments: what is one is read, and what is none becomes no other."""

from __future__ import annotations

from datetime import UTC, date, datetime
from datetime import time as clock
from typing import Any

import polars as pl
import pytest

from yigong.edge.mapping.convert import DTYPE, as_kind


def turned(kind: str, *texts: str | None, formats: tuple[str, ...] = ()) -> list[Any]:
    """The texts as a mapping turns them."""
    frame = pl.DataFrame({"v": texts}, schema={"v": pl.String})
    found = frame.select(as_kind(pl.col("v"), kind, formats)).to_series()
    assert found.dtype == DTYPE[kind] and len(found) == len(texts)
    return found.to_list()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.feature("C05")
def test_what_cannot_be_counted_with_is_no_number() -> None:
    """NaN, infinity and what grows beyond a number are no values of a patient."""
    assert turned("number", "12.50", " 7 ", "-.5", "1e3") == [12.5, 7, -0.5, 1000]
    assert turned("number", "NaN", "inf", "-Infinity", "1e400", "1,234", "<0.5", None) == [None] * 7


@pytest.mark.feature("C05")
def test_a_day_has_a_year_of_four_digits() -> None:
    """26-03-01 is not the year 26, 2026111 is not one day but two, 0001-01-01 is how programs say none."""
    assert turned("date", "2026-03-01", "20260301", "2026/3/1", "2026年3月1日", "2026-03-01 ") == [date(2026, 3, 1)] * 5
    odd = ("26-03-01", "2026111", "202611", "0001-01-01", "-2026-01-01", "0000-00-00", "2026-02-30", "infinity", None)
    assert turned("date", *odd) == [None] * 9


@pytest.mark.feature("C05")
def test_the_day_of_a_moment_is_the_county_s() -> None:
    """A moment in a column of days, in every form that moments have."""
    forms = (
        "2026-03-01 08:00:00",
        "2026-03-01T08:00:00",
        "2026-03-01 08:00:00.123",
        "20260301080000",
        "2026-02-28 17:00:00+00",
    )
    assert turned("date", *forms) == [date(2026, 3, 1)] * 5


@pytest.mark.feature("C02", "C05")
def test_a_moment_is_read_as_databases_write_it() -> None:
    """PostgreSQL's zones in two digits, T with and without parts of a second, days alone; minutes of one digit only where signs part them."""
    same = (
        "2026-03-01 08:00:00", "2026-03-01 08:00:00+08", "2026-03-01T00:00:00Z", "2026-03-01T08:00:00.000", "2026-03-01 00:00:00+00",
        "2026-03-01 08:00:00+08:00", "20260301080000", "202603010800", "2026/3/1 8:00", "2026-03-01T08:00",
    )  # fmt: skip
    assert turned("datetime", *same) == [utc("2026-03-01T00:00:00")] * len(same)
    assert turned("datetime", "20260301080", "2026030108000", "0001-01-01 00:00:00", "26-03-01 08:00") == [None] * 4
    assert turned("datetime", "2026-03-01 08:00:00.25+08", "2026-03-01") == [
        utc("2026-03-01T00:00:00.25"),
        utc("2026-02-28T16:00"),
    ]


@pytest.mark.feature("C05")
def test_an_hour_that_summer_time_skipped_is_an_hour_all_the_same() -> None:
    """China set its clocks forward at midnight in 1940 and at two in 1986: records of then are not refused for it."""
    assert turned("datetime", "1940-06-01", "1986-05-04 02:30:00") == [utc("1940-05-31T16:00"), utc("1986-05-03T18:30")]


@pytest.mark.feature("C05")
def test_times_of_day_and_forms_of_one_s_own() -> None:
    """Parts of a second, digits alone in their right number; a form given in the mapping stands alone."""
    assert turned("time", "08:05:00.25", "0805", "080500") == [clock(8, 5, 0, 250000), clock(8, 5), clock(8, 5)]
    assert turned("time", "805", "80500") == [None, None]
    assert turned("date", "01.03.2026", "2026-03-01", formats=("%d.%m.%Y",)) == [date(2026, 3, 1), None]
    assert turned("datetime", "01.03.2026 08", formats=("%d.%m.%Y %H",)) == [None]


@pytest.mark.feature("C05")
def test_a_constant_is_turned_as_a_column_is() -> None:
    """A value of the mapping itself stands in every row."""
    frame = pl.DataFrame({"a": ["x", "y"]})
    found = frame.select(
        "a", as_kind(pl.lit("2026-03-01"), "date").alias("d"), as_kind(pl.lit("20260301080000"), "datetime").alias("t")
    )
    assert found.rows() == [
        ("x", date(2026, 3, 1), utc("2026-03-01T00:00")),
        ("y", date(2026, 3, 1), utc("2026-03-01T00:00")),
    ]
