"""Frames into tables: COPY, temporary tables, columns as PostgreSQL knows them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import polars as pl
from django.db import connection

from yigong.kit.errors import Refused
from yigong.platform.records.buffers import Buffers
from yigong.platform.records.wire import encoded

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
    send(table, Buffers(frame), frame.columns, {}, {name: column.type for name, column in columns(table).items()})


def send(table: str, buffers: Buffers, names: Sequence[str], more: Mapping[str, Any], kinds: Mapping[str, str]) -> None:
    """The columns *names* of a frame and those of *more*, which are alike in all rows, into *table* by binary COPY."""
    if buffers.frame.is_empty():
        return
    written, pieces = encoded(buffers, names, kinds, more)
    listed = ", ".join(f'"{name}"' for name in written)
    with (
        connection.cursor() as cursor,
        connection.wrap_database_errors,
        cursor.copy(f'copy "{table}" ({listed}) from stdin (format binary)') as target,  # type: ignore[attr-defined]
    ):
        for piece in pieces:
            target.write(piece)


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
    kinds = {c: types[c].type if c in types else "bigint" for c in frame.columns}
    listed = ", ".join(f'"{c}" {kind}' for c, kind in kinds.items())
    do(f'drop table if exists "{name}"')
    do(f'create temp table "{name}" ({listed}) on commit drop')
    send(name, Buffers(frame), frame.columns, {}, kinds)
    return name


@lru_cache(maxsize=50)
def exists(table: str) -> bool:
    """Whether there is such a table."""
    return not ask("select 1 where to_regclass(%s) is not null", [table], {"one": pl.Int64}).is_empty()
