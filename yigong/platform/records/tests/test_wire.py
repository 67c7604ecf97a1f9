"""Rows written as PostgreSQL's binary COPY reads them come back as they were."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from yigong.platform.records import tables
from yigong.platform.records.buffers import Buffers
from yigong.platform.records.hashing import row_hash
from yigong.platform.records.loading import part_of, sources_of

pytestmark = [pytest.mark.django_db, pytest.mark.feature("C06")]
KINDS = {
    "t": "text", "n": "numeric", "d": "date", "ts": "timestamp with time zone", "tm": "time without time zone",
    "b": "boolean", "i8": "bigint", "i4": "integer", "j": "jsonb", "same": "text", "gone": "text", "batch": "bigint",
}  # fmt: skip
SCHEMA = {
    "t": pl.String, "n": pl.Float64, "d": pl.Date, "ts": pl.Datetime("us", "UTC"), "tm": pl.Time, "b": pl.Boolean,
    "i8": pl.Int64, "i4": pl.Int64, "j": pl.String, "same": pl.String, "gone": pl.String,
}  # fmt: skip
moments = st.integers(-50_000, 200_000_000_000).map(
    lambda s: datetime(1900, 1, 1, tzinfo=UTC) + timedelta(seconds=s, microseconds=s % 1_000_000)
)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
ROWS = st.lists(
    st.tuples(
        st.none() | texts,
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.dates(),
        st.none() | moments,
        st.none() | st.times(),
        st.none() | st.booleans(),
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.integers(-(2**31), 2**31 - 1),
    ),
    min_size=1,
    max_size=12,
)
NUMBERS = [
    0.0,
    -0.0,
    1.0,
    100000000.0,
    10000.0001,
    0.1,
    1e-5,
    1e-7,
    1e20,
    9007199254740993.0,
    1e300,
    5e-324,
    -6.53,
    0.30000000000000004,
]


def there_and_back(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The rows as PostgreSQL has them."""
    full = [(*row, f'{{"at": {at}}}', "检验科", None) for at, row in enumerate(rows)]
    frame = pl.DataFrame(full, schema=SCHEMA, orient="row")
    with connection.cursor() as cursor:
        cursor.execute("drop table if exists wire")
        cursor.execute(f"create temp table wire ({', '.join(f'{n} {k}' for n, k in KINDS.items())})")
        tables.send("wire", Buffers(frame), frame.columns, {"batch": 7}, KINDS)
        cursor.execute(
            "select t, n::text, d, ts, tm, b, i8, i4, j->>'at', same, gone, batch from wire order by (j->>'at')::int"
        )
        return cursor.fetchall()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS)
@example(
    [
        ("文\t\"'\\\n", n, date(1900, 2, 28), datetime(1970, 1, 1, tzinfo=UTC), time(23, 59, 59, 999999), True, 1, -1)
        for n in NUMBERS
    ]
)
@example([("x" * 300, 1.5, None, None, None, None, None, None)] * 5000)
def test_every_value_comes_back(rows: list[tuple[Any, ...]]) -> None:
    """Text, numbers as their shortest decimal, days, moments, times, flags, whole numbers, JSON, nulls."""
    for at, (sent, got) in enumerate(zip(rows, there_and_back(rows), strict=True)):
        text, number, *others = sent
        assert got[0] == text and got[2:8] == tuple(others) and got[8:] == (str(at), "检验科", None, 7)
        assert (got[1] is None) == (number is None)
        if number is not None and got[1] is not None:
            assert Decimal(got[1]) == Decimal(repr(number)) and float(got[1]) == number


def test_what_is_no_number_is_kept_as_that() -> None:
    """NaN and the infinities are values of numeric too."""
    rows = [(None, n, None, None, None, None, None, None) for n in (float("nan"), float("inf"), float("-inf"), 2.5)]
    assert [row[1] for row in there_and_back(rows)] == ["NaN", "Infinity", "-Infinity", "2.5"]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.none() | texts, st.none() | texts, st.none() | st.integers(-9, 9)), min_size=1, max_size=9)
)
def test_a_row_has_one_hash_whatever_stands_beside_it(rows: list[tuple[Any, ...]]) -> None:
    """The hash of a row does not depend on the other rows, on the order of columns or on columns that are null."""
    schema = {"a": pl.String, "b": pl.String, "c": pl.Int64}
    whole = row_hash(Buffers(pl.DataFrame(rows, schema=schema, orient="row")), ["a", "b", "c"]).to_list()
    alone = [
        row_hash(
            Buffers(pl.DataFrame([r], schema=schema, orient="row").with_columns(d=pl.lit(None, pl.String))),
            ["d", "c", "b", "a"],
        )[0]
        for r in rows
    ]
    assert whole == alone
    assert len(set(whole)) == len(set(rows))


def test_sources_are_told_apart() -> None:
    """Rows of several institutions are parted by institution and system, in one order."""
    frame = pl.DataFrame({"org_code": ["B", "A", "B"], "source_system": ["HIS", "HIS", "LIS"], "n": [1, 2, 3]})
    assert sources_of(frame) == [("A", "HIS"), ("B", "HIS"), ("B", "LIS")]
    assert part_of(frame, "B", "LIS", whole=False).get_column("n").to_list() == [3]
    assert sources_of(frame.head(1)) == [("B", "HIS")]


def test_a_day_stays_the_same_day() -> None:
    """Days long ago and far ahead keep their number."""
    rows = [
        (None, None, date(1, 1, 1) + timedelta(days=n), None, None, None, None, None) for n in range(0, 3_600_000, 9999)
    ]
    assert [got[2] for got in there_and_back(rows)] == [row[2] for row in rows]
