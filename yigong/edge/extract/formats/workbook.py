"""Excel workbooks: every sheet that has rows.

A cell that holds an error (#N/A, #REF!, …) is no empty cell: something was to stand there, and nobody knows what. It comes as the
text Excel shows, and its row with ``_trouble`` that names the cells. A mapping turns such a row away where it reads one of
them; a helper column beside the data that nobody reads keeps no row out. To load it as empty would tell a falsehood, and its text
alone would go in wherever a field takes any text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import fastexcel
import polars as pl
import pyarrow as pa

from yigong.edge.extract.frames import TROUBLE, as_text, placed, slices, without_blank
from yigong.kit.errors import Fault, Refused

FIRST_YEAR = 1900  # of the dates that a spreadsheet knows
WHOLE = 1e18  # beyond it a spreadsheet's number is no count of anything
#: errors as the library calls them, and as Excel shows them
ERRORS = {
    "Div0": "#DIV/0!", "NA": "#N/A", "Name": "#NAME?", "Null": "#NULL!", "Num": "#NUM!", "Ref": "#REF!", "Value": "#VALUE!",
    "GettingData": "#GETTING_DATA",
}  # fmt: skip
TOLD = 5  # cells of a row that are named
_ERROR = re.compile(r"Error\((\w+)\)")
_COLUMN = re.compile(r"could not determine dtype for column (.+)")


def read(path: Path, config: Mapping[str, Any], *, size: int) -> Iterator[pl.DataFrame]:
    """Frames of the ``sheet`` named or of all; ``header`` is the row of column names, ``first_row`` the first of data."""
    try:
        book = fastexcel.read_excel(path)
    except fastexcel.FastExcelError as error:
        raise Fault("exchange.file_broken", permanent=True, path=str(path), reason=str(error)) from error
    wanted = config.get("sheet")
    if wanted and wanted not in book.sheet_names:
        raise Refused("exchange.sheet_unknown", sheet=wanted, known=book.sheet_names)
    header = int(config.get("header") or 1)
    below = max(int(config.get("first_row") or 0) - header - 1, 0)  # notes or units may stand below the names
    for sheet in [wanted] if wanted else book.sheet_names:
        try:
            frame = _sheet(book, sheet, header)
        except fastexcel.FastExcelError as error:
            said = str(error).splitlines()[0]
            raise Fault("exchange.file_broken", permanent=True, path=f"{path} {sheet}", reason=said) from error
        if frame.width:
            for start, part in slices(frame.slice(below), size):
                told = without_blank(placed(part, f"{path.name} {sheet}", header + 1 + below + start))
                if told.height:
                    yield told


def _sheet(book: fastexcel.ExcelReader, sheet: str, header: int) -> pl.DataFrame:
    """The sheet as text; whole numbers without the ``.0`` of the spreadsheet."""
    loaded, cells = _loaded(book, sheet, header)
    frame = cast(pl.DataFrame, pl.from_arrow(loaded))
    plain = as_text(frame.select(_whole(name, kind) for name, kind in frame.schema.items()))
    names = [" ".join(name.split()) for name in plain.columns]
    if twice := sorted({n for n in names if names.count(n) > 1}):
        raise Refused("exchange.columns_twice", columns=twice)
    return _with_errors(plain.rename(dict(zip(plain.columns, names, strict=True))), cells)


@dataclass(frozen=True, slots=True)
class _Cell:
    """A cell with an error: its row and column in the frame, its address and the error as Excel shows it."""

    row: int
    column: int
    address: str
    error: str


def _loaded(book: fastexcel.ExcelReader, sheet: str, header: int) -> tuple[pa.RecordBatch, list[_Cell]]:
    """The sheet and its cells with errors. Of some errors the library cannot tell what kind their column is: it is text then."""
    kinds: dict[str | int, fastexcel.DType] = {}
    while True:
        try:
            found = book.load_sheet(sheet, header_row=header - 1, schema_sample_rows=None, dtypes=kinds or None)
            batch, errors = found.to_arrow_with_errors()
        except fastexcel.CalamineCellError as error:
            column = _COLUMN.search(str(error))
            if column is None or column[1] in kinds:
                raise
            kinds[column[1]] = "string"
            continue
        at = [c.absolute_index for c in found.selected_columns]
        told = [(e, _ERROR.search(e.detail)) for e in (errors.errors if errors else ())]
        return batch, [
            _Cell(row, column, f"{_letters(at[column])}{header + 1 + row}", ERRORS.get(said[1], "#VALUE!"))
            for (row, column), said in ((e.offset_position, said) for e, said in told)
            if said
        ]


def _letters(index: int) -> str:
    """The letters of a column, counted from 0: A, Z, AA."""
    text, left = "", index + 1
    while left:
        left, rest = divmod(left - 1, 26)
        text = chr(65 + rest) + text
    return text


def _with_errors(frame: pl.DataFrame, cells: list[_Cell]) -> pl.DataFrame:
    """The frame with the errors in their cells, and ``_trouble`` for the rows that have one."""
    if not cells:
        return frame
    by_column: dict[int, list[_Cell]] = {}
    by_row: dict[int, list[str]] = {}
    for cell in cells:
        by_column.setdefault(cell.column, []).append(cell)
        by_row.setdefault(cell.row, []).append(f"{cell.address} {cell.error}")
    columns = frame.get_columns()
    filled = [
        columns[at].scatter([c.row for c in some], [c.error for c in some]).alias(columns[at].name)
        for at, some in by_column.items()
    ]
    said = {row: ", ".join([*told[:TOLD], "…"] if len(told) > TOLD else told) for row, told in by_row.items()}
    trouble = pl.Series(TROUBLE, [None], dtype=pl.String).new_from_index(0, frame.height)
    return frame.with_columns(*filled, trouble.scatter(list(said), [f"cell_error:{t}" for t in said.values()]))


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
