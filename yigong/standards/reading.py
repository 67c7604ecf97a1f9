"""Expressions that read a column of any type as text, day, number or flag; null where it cannot be read."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl

_CLOCK = r"(?:[T ]?(?:[01]\d|2[0-3]):?[0-5]\d(?::?[0-5]\d(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?$"
_COMPACT = r"^(\d{4})(\d{2})(\d{2})" + _CLOCK
_PARTED = r"^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?" + _CLOCK
NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?$"
TIME = r"^(?:[01]?\d|2[0-3]):?[0-5]\d(?::?[0-5]\d(?:\.\d+)?)?$"
FLAGS = ["T", "F", "TRUE", "FALSE", "1", "0", "Y", "N", "YES", "NO", "是", "否", "有", "无"]
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def text(name: str, kind: Any) -> pl.Expr:
    """The column as text without blanks at its ends; null when empty."""
    said = pl.col(name) if kind == pl.String else pl.col(name).cast(pl.String)
    trimmed = said.str.strip_chars()
    return pl.when(trimmed != "").then(trimmed)


def day(name: str, kind: Any) -> pl.Expr:
    """The day that the column names."""
    if kind == pl.Date:
        return pl.col(name)
    if kind == pl.Datetime:
        return pl.col(name).dt.date()
    said = text(name, kind)
    written = said.str.replace(_COMPACT, "$1-$2-$3").str.replace(_PARTED, "$1-$2-$3")
    return written.str.to_date("%Y-%m-%d", strict=False)


def id_no_wrong(said: pl.Expr, today: date) -> pl.Expr:
    """Whether a number has the shape of a resident identity number but not its check digit or a birth date."""
    shape = said.str.contains(r"^\d{17}[\dXx]$")
    total = pl.sum_horizontal(
        said.str.slice(at, 1).cast(pl.Int32, strict=False) * weight for at, weight in enumerate(_WEIGHTS)
    )
    last = said.str.slice(17, 1).str.to_uppercase().replace("X", "10").cast(pl.Int32, strict=False)
    born = said.str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    sound = ((12 - total % 11) % 11 == last) & born.is_between(date(1800, 1, 1), today).fill_null(False)
    return shape & ~sound
