"""Tables of registers read from a file, row by row, each row with its own word of what is wrong."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl
from django.db import DataError, transaction

from yigong.kit.encoding import decode
from yigong.kit.errors import Refused
from yigong.kit.text import narrow
from yigong.web.http import sentence

LIMIT = 5000
SIZE = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RowError:
    """A row that was not taken: its number in the file, and why."""

    number: int
    name: str
    why: str


@dataclass(slots=True)
class Imported:
    """What became of a file."""

    read: int = 0
    new: int = 0
    changed: int = 0
    same: int = 0
    errors: list[RowError] = field(default_factory=list)


def read_table(name: str, data: bytes, columns: Mapping[str, str]) -> list[dict[str, str]]:
    """The rows of a CSV or XLSX file, its first row names the columns (*columns*: word or name -> name).

    Raises Refused registry.unreadable_file, registry.no_rows.
    """
    if len(data) > SIZE:
        raise Refused("registry.unreadable_file", because="大于 8 MB")
    lines = _sheet(data) if data[:2] == b"PK" else _text(data)
    if not lines:
        raise Refused("registry.no_rows")
    known = {narrow(word).lower(): column for word, column in columns.items()}
    heads = [known.get(narrow(cell).lower(), "") for cell in lines[0]]
    if not any(heads):
        raise Refused("registry.unreadable_file", because=f"第一行没有认得的列名（{'、'.join(columns)[:80]}）")
    rows = [dict(zip(heads, line, strict=False)) for line in lines[1 : LIMIT + 1] if any(cell.strip() for cell in line)]
    if not rows:
        raise Refused("registry.no_rows")
    return [{n: narrow(v) for n, v in row.items() if n} for row in rows]


def _text(data: bytes) -> list[list[str]]:
    text = decode(data).text
    first = text.partition("\n")[0]
    dialect = "\t" if first.count("\t") > first.count(",") else ","
    try:
        return list(csv.reader(io.StringIO(text), delimiter=dialect))
    except csv.Error as error:
        raise Refused("registry.unreadable_file", because=str(error)[:60]) from None


def _sheet(data: bytes) -> list[list[str]]:
    try:
        frame = pl.read_excel(io.BytesIO(data), has_header=False, infer_schema_length=0)
    except Exception as error:  # the reader of workbooks raises many kinds
        raise Refused("registry.unreadable_file", because=type(error).__name__) from None
    return [["" if cell is None else str(cell) for cell in row] for row in frame.rows()]


def take_rows(
    rows: Sequence[Mapping[str, str]],
    name_of: Callable[[Mapping[str, str]], str],
    save: Callable[[Mapping[str, str]], str],
) -> Imported:
    """Save each row by itself; *save* says ``new changed same`` or refuses."""
    found = Imported(read=len(rows))
    for number, row in enumerate(rows, start=2):  # as the file counts, below its head
        try:
            with transaction.atomic():
                word = save(row)
        except Refused as refused:
            found.errors.append(RowError(number, name_of(row)[:40], sentence(refused)))
        except (DataError, ValueError) as error:
            found.errors.append(RowError(number, name_of(row)[:40], type(error).__name__))
        else:
            setattr(found, word, getattr(found, word) + 1)
    return found
