"""Frames into tables: COPY, temporary tables, columns as PostgreSQL knows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl
from django.db import connection

from yigong.kit.errors import Refused

#: type of PostgreSQL -> type of a frame's column
DTYPES: dict[str, Any] = {
    "text": pl.String,
    "jsonb": pl.String,
    "numeric": pl.Float64,
    "date": pl.Date,
    "timestamp with time zone": pl.Datetime("us", "UTC"),
    "time without time zone": pl.Time,
    "boolean": pl.Boolean,
    "bigint": pl.Int64,
    "integer": pl.Int64,
    "smallint": pl.Int64,
}
CHUNK = 1 << 18


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its type, and whether it must have a value."""

    name: str
    type: str
    required: bool

    @property
    def dtype(self) -> Any:
        """The type of the column in a frame."""
        return DTYPES.get(self.type.partition("(")[0].replace("character varying", "text"), pl.String)


@lru_cache(maxsize=400)
def columns(table: str) -> dict[str, Column]:
    """The columns of a table in order. Raises Refused records.no_table."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select attname, format_type(atttypid, atttypmod), attnotnull and not atthasdef and attidentity = ''
               from pg_attribute where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped
               order by attnum""",
            [table],
        )
        found = {name: Column(name, kind, required) for name, kind, required in cursor.fetchall()}
    if not found:
        raise Refused("records.no_table", table=table)
    return found


def copy(table: str, frame: pl.DataFrame) -> None:
    """All rows of *frame* into *table* by COPY; the frame's columns name those of the table."""
    if frame.is_empty():
        return
    names = ", ".join(f'"{name}"' for name in frame.columns)
    text = written(frame)
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(f'copy "{table}" ({names}) from stdin (format csv)') as target,  # type: ignore[attr-defined]
    ):
        for start in range(0, len(text), CHUNK):
            target.write(text[start : start + CHUNK])


def written(frame: pl.DataFrame) -> memoryview:
    """The frame as CSV that PostgreSQL reads: null is nothing, empty text is quoted."""
    ready = frame.select(_plain(name, kind) for name, kind in frame.schema.items())
    return memoryview(ready.write_csv(include_header=False, null_value="", quote_style="necessary").encode())


def _plain(name: str, kind: Any) -> pl.Expr:
    """Moments as naive UTC with their zone said in the text; PostgreSQL refuses the sign zero in text."""
    if kind == pl.Datetime:
        return pl.col(name).dt.convert_time_zone("UTC").dt.strftime("%Y-%m-%d %H:%M:%S%.6f+00")
    return pl.col(name)


def ask(sql: str, params: Sequence[Any], schema: dict[str, Any]) -> pl.DataFrame:
    """The answer to a statement as a frame."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        rows = cursor.fetchall()
    return pl.DataFrame(rows, schema=schema, orient="row")


def do(sql: str, params: Sequence[Any] = ()) -> int:
    """Run a statement; how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def temporary(name: str, like: str, frame: pl.DataFrame) -> str:
    """A temporary table holding *frame*, with columns of the types they have in the table *like*; gone at commit."""
    types = columns(like)
    listed = ", ".join(f'"{c}" {types[c].type if c in types else "bigint"}' for c in frame.columns)
    do(f'drop table if exists "{name}"')
    do(f'create temp table "{name}" ({listed}) on commit drop')
    copy(name, frame)
    return name


@lru_cache(maxsize=50)
def exists(table: str) -> bool:
    """Whether there is such a table."""
    return not ask("select 1 where to_regclass(%s) is not null", [table], {"one": pl.Int64}).is_empty()
