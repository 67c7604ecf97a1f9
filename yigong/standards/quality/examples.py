"""Rows written by hand, as the cases of a rule give them, made into a frame and judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from yigong.standards.quality.engine import Checker
from yigong.standards.quality.loader import references
from yigong.standards.quality.model import Rule
from yigong.standards.quality.subjects import DTYPES, subject
from yigong.standards.quality.values import value_of

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
        values = [value_of({**USUAL, **row}.get(name), kind) for row in rows]
        columns[name] = pl.Series(name, values, dtype=DTYPES[kind])
    return pl.DataFrame(columns)
