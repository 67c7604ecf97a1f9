"""What the readers of tables share: text columns, places, rows again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from yigong.platform.exchange.batch import PLACE, RawBatch


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
        text = column.bin.encode("base64")
    else:
        text = column.cast(pl.String)
    return pl.when(text != "").then(text).alias(name)


def placed(frame: pl.DataFrame, source: str, first: int) -> pl.DataFrame:
    """The frame with ``_place``: *source* and the number of the row, beginning with *first*."""
    number = pl.int_range(first, first + frame.height, dtype=pl.Int64).cast(pl.String)
    return frame.with_columns(pl.concat_str([pl.lit(f"{source} 第 "), number, pl.lit(" 行")]).alias(PLACE))


def slices(frame: pl.DataFrame, source: str, size: int, first: int) -> Iterator[RawBatch]:
    """A frame that is in memory already, in batches."""
    for start in range(0, frame.height, size):
        yield RawBatch(placed(frame.slice(start, size), source, first + start), source)


def again(raws: Sequence[Mapping[str, Any]], places: Sequence[str]) -> Iterator[RawBatch]:
    """Rows from quarantine as they were, or as they were mended."""
    if not raws:
        return
    columns = list(dict.fromkeys(name for raw in raws for name in raw))
    data = {c: [None if raw.get(c) in (None, "") else str(raw[c]) for raw in raws] for c in columns}
    frame = pl.DataFrame(data, schema=dict.fromkeys(columns, pl.String))
    yield RawBatch(frame.with_columns(pl.Series(PLACE, list(places), dtype=pl.String)), places[0])


def newest(frame: pl.DataFrame, column: str | None) -> str | None:
    """The greatest value of the column that says how far a source was read."""
    if not column or not frame.height:
        return None
    last = frame.get_column(column).max()
    return None if last is None else str(last)
