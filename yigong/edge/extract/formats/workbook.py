"""Excel workbooks: every sheet that has rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import fastexcel
import polars as pl

from yigong.edge.extract.frames import as_text, placed, slices
from yigong.kit.errors import Fault, Refused


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
                yield placed(part, f"{path.name} {sheet}", header + 1 + start)


def _sheet(book: fastexcel.ExcelReader, sheet: str, header: int) -> pl.DataFrame:
    """The sheet as text; whole numbers without the ``.0`` of the spreadsheet."""
    frame = book.load_sheet(sheet, header_row=header - 1, schema_sample_rows=None).to_polars()
    return as_text(frame.select(_whole(frame, name) for name in frame.columns))


def _whole(frame: pl.DataFrame, name: str) -> pl.Expr:
    column = frame.get_column(name)
    if column.dtype == pl.Float64 and bool((column.drop_nulls() % 1 == 0).all()):
        return pl.col(name).cast(pl.Int64)
    return pl.col(name)
