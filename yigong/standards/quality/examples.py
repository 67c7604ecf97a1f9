"""Rows written by hand, as the cases of a rule give them, made into a frame and judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time
from typing import Any

import polars as pl

from yigong.kit.clock import COUNTY_ZONE
from yigong.standards.quality.engine import Checker
from yigong.standards.quality.loader import references
from yigong.standards.quality.model import Rule
from yigong.standards.quality.subjects import DTYPES, subject

#: what every row has unless it says otherwise
USUAL: Mapping[str, Any] = {"org_code": "A", "source_key": "1"}
LISTS: Mapping[str, Any] = {
    "institutions": ["A", "B"],
    "staff": ["A 李医生", "A 王医生"],
    "collecting_since": {"A": {"days": 20000}},
}


def judged(rule: Rule, data_set: str, rows: Sequence[Mapping[str, Any]]) -> list[bool | None]:
    """For each row whether the rule holds, None where it does not judge."""
    frame = framed(data_set, rows)
    said = Checker(data_set, [rule], {**LISTS, **references()}).judge(frame).marks
    return [None if not j else not f for f, j in said.select("f0", "j0").iter_rows()]


def framed(data_set: str, rows: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """The rows as a frame in the kinds of the data set. Raises KeyError for a column it does not have."""
    about = subject(data_set)
    names = list(dict.fromkeys(name for row in rows for name in (*USUAL, *row)))
    columns = {}
    for name in names:
        kind = about.kind(name)
        if kind is None:
            raise KeyError(f"{data_set}.{name}")
        values = [_value({**USUAL, **row}.get(name), kind) for row in rows]
        columns[name] = pl.Series(name, values, dtype=DTYPES[kind])
    return pl.DataFrame(columns)


def _value(value: Any, kind: str) -> Any:
    if value is None:
        return None
    match kind:
        case "text":
            return str(value)
        case "number":
            return float(value)
        case "date":
            return value if isinstance(value, date) else date.fromisoformat(value)
        case "instant":
            return _moment(value)
        case "time":
            return time.fromisoformat(value)
    return value


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)  # noqa: DTZ001  - given its zone below
    return (value.replace(tzinfo=COUNTY_ZONE) if value.tzinfo is None else value).astimezone(UTC)
