"""Frames of text: every column text, empty text null, with the place and the act of each row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

#: where a row stands, e.g. "门诊.xlsx 第 3 行"
PLACE = "_place"
#: what is to be done with the row
OP = "_op"
UPSERT, DELETE = "upsert", "delete"
#: a reader's own word against a row, a code and what belongs to it: "encoding", "short:10:12", "ragged:14:12:…", "unfit:…", "cell_error:C5 #N/A"
TROUBLE = "_trouble"
SERVICE = (PLACE, OP, TROUBLE)
#: what stands in a cell of a spreadsheet that holds an error
CELL_ERRORS = ("#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!", "#GETTING_DATA")


def as_text(frame: pl.DataFrame) -> pl.DataFrame:
    """Every column as text, empty text as null; moments as ``2026-01-31 08:05:00`` without needless zeros."""
    return frame.select(_text(name, kind) for name, kind in frame.schema.items())


def _text(name: str, kind: Any) -> pl.Expr:
    column = pl.col(name)
    if kind == pl.Datetime:
        text = column.dt.to_string("%Y-%m-%d %H:%M:%S%.f")
    elif kind == pl.Boolean:
        text = pl.when(column).then(pl.lit("1")).when(~column).then(pl.lit("0"))
    elif kind == pl.Binary:
        text = column.bin.encode("hex")
    else:
        text = column.cast(pl.String)
    return pl.when(text != "").then(text).alias(name)


def from_rows(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """Rows of a database driver as text; columns of one plain kind are turned without a loop."""
    series = [_series(name, values) for name, values in zip(columns, zip(*rows, strict=True), strict=True)]
    return as_text(pl.DataFrame(series))


def _series(name: str, values: Sequence[Any]) -> pl.Series:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pl.Series(name, [None] * len(values), dtype=pl.String)
    if kinds == {str}:
        return pl.Series(name, values, dtype=pl.String)
    if kinds in ({int}, {float}):
        try:
            return pl.Series(name, values)
        except (OverflowError, TypeError):
            pass
    return pl.Series(name, [plain(v) for v in values], dtype=pl.String)


def plain(value: Any) -> str | None:
    """One value as text."""
    match value:
        case None | "":
            return None
        case bool():
            return "1" if value else "0"
        case datetime():
            return value.isoformat(sep="T" if value.tzinfo else " ")
        case date():
            return value.isoformat()
        case timedelta():
            return clocked(value)
        case Decimal():
            return format(value, "f")
        case bytes() | bytearray() | memoryview():
            return bytes(value).hex()
    return str(value)


def clocked(span: timedelta) -> str:
    """A TIME of MySQL, which reaches beyond a day and below zero, as the server writes it: ``-838:59:59``, ``08:05:00.25``."""
    whole, micro = divmod(abs(span), timedelta(seconds=1))
    hours, rest = divmod(whole, 3600)
    part = f".{micro.microseconds:06}".rstrip("0") if micro else ""
    return f"{'-' if span < timedelta() else ''}{hours:02}:{rest // 60:02}:{rest % 60:02}{part}"


def placed(frame: pl.DataFrame, source: str, first: int) -> pl.DataFrame:
    """The frame with ``_place``: *source* and the number of the row, beginning with *first*."""
    number = pl.int_range(first, first + frame.height, dtype=pl.Int64).cast(pl.String)
    return frame.with_columns(pl.concat_str([pl.lit(f"{source} 第 "), number, pl.lit(" 行")]).alias(PLACE))


def acted(
    frame: pl.DataFrame, deleted_when: Mapping[str, Sequence[str]] | None = None, op: str = UPSERT
) -> pl.DataFrame:
    """The frame with ``_op``: *op*, and "delete" where the source's own mark says that the row is void."""
    if OP in frame.columns:
        return frame
    void = [pl.col(c).is_in(list(v)) for c, v in (deleted_when or {}).items() if c in frame.columns]
    # where values may stand under wrong names the mark may be another column's
    sound = ~unsound() if TROUBLE in frame.columns else pl.lit(True)
    act = (
        pl.when(pl.any_horizontal(void).fill_null(False) & sound).then(pl.lit(DELETE)).otherwise(pl.lit(op))
        if void
        else pl.lit(op)
    )
    return frame.with_columns(act.alias(OP))


def unsound() -> pl.Expr:
    """Rows of which no value is sure; an error in some cell says nothing of the others."""
    return pl.col(TROUBLE).is_not_null() & ~pl.col(TROUBLE).str.starts_with("cell_error:").fill_null(False)


def voided(frame: pl.DataFrame, deleted_when: Mapping[str, Sequence[str]]) -> pl.DataFrame:
    """A frame that has ``_op`` already, as text, with the source's own mark of void rows heeded too."""
    plain_rows = as_text(frame.drop(OP))
    said = acted(plain_rows, deleted_when).get_column(OP)
    return plain_rows.with_columns(
        pl.when(frame.get_column(OP) == DELETE).then(pl.lit(DELETE)).otherwise(said).alias(OP)
    )


def without_blank(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame without rows in which no column has a value: blank lines, and cells that were merely formatted. One column alone may be empty."""
    own = [c for c in frame.columns if c not in SERVICE]
    if len(own) < 2 or frame.get_column(own[-1]).null_count() == 0:
        return frame
    first = pl.col(own[0])
    blank = pl.all_horizontal(pl.col(own[1:]).is_null()) & (first.is_null() | (first.str.strip_chars() == ""))
    trouble = pl.col(TROUBLE).is_null() if TROUBLE in frame.columns else pl.lit(True)
    return frame.filter(~(blank & trouble))


def slices(frame: pl.DataFrame, size: int) -> Iterator[tuple[int, pl.DataFrame]]:
    """A frame that is in memory already, in parts, each with the number of its first row."""
    for start in range(0, frame.height, size):
        yield start, frame.slice(start, size)


def void(gone: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Rows that are gone, with all columns of the source, empty outside the key."""
    empty = [pl.col(c) if c in gone.columns else pl.lit(None, dtype=pl.String).alias(c) for c in columns]
    return gone.select(*empty, pl.lit(DELETE).alias(OP))
