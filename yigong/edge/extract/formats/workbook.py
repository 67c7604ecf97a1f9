"""Excel workbooks: every sheet that has rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl

from yigong.edge.extract.frames import as_text, placed, slices, without_blank
from yigong.kit.errors import Fault, Refused

FIRST_YEAR = 1900  # of the dates that a spreadsheet knows
WHOLE = 1e18  # beyond it a spreadsheet's number is no count of anything


def read(path: Path, config: Mapping[str, Any], *, size: int) -> Iterator[pl.DataFrame]:
    """Frames of the ``sheet`` named or of all; ``header`` is the row of column names."""
    try:
        book = fastexcel.read_excel(path)
    except fastexcel.FastExcelError as error:
        raise Fault("exchange.file_broken", permanent=True, path=str(path), reason=str(error)) from error
    wanted = config.get("sheet")
    if wanted and wanted not in book.sheet_names:
        raise Refused("exchange.sheet_unknown", sheet=wanted, known=book.sheet_names)
    header = int(config.get("header", 1))
    for sheet in [wanted] if wanted else book.sheet_names:
        frame = _sheet(book, sheet, header)
        if frame.width:
            for start, part in slices(frame, size):
                told = without_blank(placed(part, f"{path.name} {sheet}", header + 1 + start))
                if told.height:
                    yield told


def _sheet(book: fastexcel.ExcelReader, sheet: str, header: int) -> pl.DataFrame:
    """The sheet as text; whole numbers without the ``.0`` of the spreadsheet."""
    frame = book.load_sheet(sheet, header_row=header - 1, schema_sample_rows=None).to_polars()
    plain = as_text(frame.select(_whole(name, kind) for name, kind in frame.schema.items()))
    names = [" ".join(name.split()) for name in plain.columns]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise Refused("exchange.columns_twice", columns=twice)
    return plain.rename(dict(zip(plain.columns, names, strict=True)))


def _whole(name: str, kind: pl.DataType) -> pl.Expr:
    """A number as it stands in its cell, whatever numbers stand in others: 1001 is not 1001.0, 3.3e17 has all its digits."""
    column = pl.col(name)
    if kind == pl.Datetime:  # a time of day alone is a day of none to a spreadsheet
        timed, full = column.dt.to_string("%H:%M:%S"), column.dt.to_string("%Y-%m-%d %H:%M:%S%.f")
        return pl.when(column.dt.year() < FIRST_YEAR).then(timed).otherwise(full).alias(name)
    if kind != pl.Float64:
        return column
    whole = (column == column.round(0)) & (column.abs() < WHOLE)
    return (
        pl.when(whole)
        .then(column.cast(pl.Int64, strict=False).cast(pl.String))
        .otherwise(column.cast(pl.String))
        .alias(name)
    )
