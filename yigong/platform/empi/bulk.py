"""Frames in and out of PostgreSQL: COPY for what is added, one statement for what is asked."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import polars as pl
from django.db import connection

#: from so many rows on every statement of an act of registering is planned for what the tables hold now
PLANNED_ANEW = 8
Params = Mapping[str, Any] | Sequence[Any] | None


def add(table: str, frame: pl.DataFrame) -> None:
    """Append the rows of *frame* to *table*, columns by name. Empty text stays empty, null stays null."""
    if frame.is_empty():
        return
    text = io.BytesIO()
    frame.write_csv(text, include_header=False, datetime_format="%Y-%m-%d %H:%M:%S%.6f%z")
    names = ", ".join(f'"{name}"' for name in frame.columns)
    with connection.cursor() as cursor, cursor.copy(f"copy {table} ({names}) from stdin (format csv)") as copy:
        copy.write(text.getvalue())


def numbers(column: pl.Series) -> str:
    """A column of whole numbers as an array in PostgreSQL's writing: far cheaper to send than a list when there are many."""
    return "{" + (column.cast(pl.String).str.join(",").item() or "") + "}"


def array(values: Iterable[object]) -> str:
    """A few numbers in the same writing: one statement for them all, however large they are."""
    return "{" + ",".join(map(str, values)) + "}"


def texts(column: pl.Series) -> str:
    """The same for a column of texts."""
    safe = column.drop_nulls().str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
    return "{" + ",".join([f'"{text}"' for text in safe]) + "}"


def ask(sql: str, params: Params, schema: Mapping[str, Any]) -> pl.DataFrame:
    """The rows of a query as a frame of the given schema."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return pl.DataFrame(cursor.fetchall(), schema=dict(schema), orient="row")


def rows(sql: str, params: Params = None) -> list[tuple[Any, ...]]:
    """The rows of a query as they are: for a few, of which a frame would cost more than the asking."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def do(sql: str, params: Params = None) -> int:
    """Run a statement; how many rows it touched."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def plan_anew() -> None:
    """Let no statement of this transaction keep a plan made when the tables were small: a first load would crawl."""
    do("select set_config('plan_cache_mode', 'force_custom_plan', true)")


def ids(table: str, count: int) -> list[int]:
    """*count* fresh ids of *table*."""
    if not count:
        return []
    with connection.cursor() as cursor:
        sql = """with of as materialized (select pg_get_serial_sequence(%s, 'id')::regclass as ids)
            select nextval(of.ids) from of, generate_series(1, %s)"""
        cursor.execute(sql, [table, count])
        return [row[0] for row in cursor.fetchall()]
