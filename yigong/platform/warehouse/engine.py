"""Computes declared measures over Parquet with DuckDB: value, numerator, denominator, window, version; or withheld and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from yigong.platform.warehouse.declared import Measure, measures
from yigong.platform.warehouse.extracts import folder

#: what a figure may be broken down by -> SQL over the measure's table
BY = {
    "org": "org_code",
    "org_kind": "org_kind",
    "division": "left(home_division_code, 9)",
    "month": "strftime({at}, '%Y-%m')",
    "day": "strftime({at}, '%Y-%m-%d')",
    "kind": "kind",
    "direction": "direction",
}


@dataclass(frozen=True, slots=True)
class Period:
    """Days from *start* up to, but not including, *end*."""

    start: date
    end: date

    @property
    def words(self) -> str:
        """The window as figures show it."""
        return f"{self.start:%Y-%m-%d} – {self.end - timedelta(days=1):%Y-%m-%d}"

    def year_before(self) -> Period:
        """The same days a year earlier."""
        return Period(_year_back(self.start), _year_back(self.end))

    def just_before(self) -> Period:
        """The window of equal length that ends where this one begins."""
        return Period(self.start - (self.end - self.start), self.start)


def _year_back(day: date) -> date:
    return day.replace(year=day.year - 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)


@dataclass(frozen=True, slots=True)
class Value:
    """One figure with all that it rests on; *value* is None when it is withheld, and *reason* says why."""

    measure: Measure
    period: Period
    key: str | None  # of the breakdown
    value: float | None
    numerator: float | None
    denominator: float | None
    reason: str = ""
    as_of: datetime | None = None

    @property
    def is_withheld(self) -> bool:
        """Whether data do not suffice for the figure."""
        return self.value is None


def measure(
    ids: Sequence[str], *, period: Period, orgs: Sequence[str] | None = None, by: str | None = None
) -> list[Value]:
    """The figures *ids* in a period, for all institutions or for *orgs*, whole or broken down. Raises KeyError for an unknown id."""
    with _open() as db:
        return [v for i in ids for v in _compute(db, measures()[i], period, orgs, by)]


def rows(
    measure_id: str,
    *,
    period: Period,
    part: str = "denominator",
    orgs: Sequence[str] | None = None,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[str], list[tuple[Any, ...]], int]:
    """The rows behind a figure: column names, one page of rows, and how many there are."""
    m = measures()[measure_id]
    where, params = _where(m, period, orgs)
    if part == "numerator":
        where += f" and ({m.numerator_rows})"
    columns = ", ".join(m.columns or ("*",))
    with _open() as db:
        counted = db.execute(f"select count(*) from {m.table} where {where}", params).fetchone()
        cursor = db.execute(
            f"select {columns} from {m.table} where {where} order by {m.at}, 1 limit {int(limit)} offset {int(offset)}",
            params,
        )
        names = [c[0] for c in cursor.description or ()]
        return names, cursor.fetchall(), int(counted[0]) if counted else 0


def refreshed_at() -> datetime | None:
    """When the warehouse was last filled; None before the first time."""
    note = folder() / "refreshed_at"
    return datetime.fromisoformat(note.read_text("utf-8")) if note.exists() else None


def _compute(
    db: duckdb.DuckDBPyConnection, m: Measure, period: Period, orgs: Sequence[str] | None, by: str | None
) -> list[Value]:
    as_of = refreshed_at()
    plain = Value(m, period, None, None, None, None, as_of=as_of)
    if m.withheld:
        return [replace(plain, reason=m.withheld)]
    if not (folder() / f"{m.table}.parquet").exists():
        return [replace(plain, reason="not_refreshed")]
    where, params = _where(m, period, orgs)
    key = BY[by].format(at=m.at) if by else "null"
    found = db.execute(
        f"select {key}, {m.numerator}, {m.denominator} from {m.table} where {where} group by 1 order by 1"
        if by
        else f"select null, {m.numerator}, {m.denominator} from {m.table} where {where}",
        params,
    ).fetchall()
    return [_value(m, period, row, as_of) for row in found]


def _value(m: Measure, period: Period, row: tuple[Any, ...], as_of: datetime | None) -> Value:
    key, numerator, denominator = row
    n, d = float(numerator or 0), float(denominator or 0)
    if d < m.needs_denominator:
        return Value(m, period, key, None, n, d, reason="too_few", as_of=as_of)
    return Value(m, period, key, round(n / d * m.scale, m.digits + 2), n, d, as_of=as_of)


def _where(m: Measure, period: Period, orgs: Sequence[str] | None) -> tuple[str, list[Any]]:
    where = f"({m.rows}) and {m.at} >= ?::date and {m.at} < ?::date"
    params: list[Any] = [period.start, period.end]
    if orgs is not None:
        where += " and org_code in (select unnest(?))"
        params.append(list(orgs))
    return where, params


def _open() -> duckdb.DuckDBPyConnection:
    """A connection that sees every Parquet file as a view of its name; the warehouse itself is never written by readers."""
    db = duckdb.connect(config={"threads": 2})
    db.execute("set timezone = 'Asia/Shanghai'")
    for file in sorted(Path(folder()).glob("*.parquet")):
        db.execute(f"create view {file.stem} as select * from read_parquet('{file}')")
    return db
