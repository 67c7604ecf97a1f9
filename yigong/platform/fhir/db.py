"""Statements bound by the server and prepared; bodies come as bytes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from django.db import connection
from psycopg.adapt import Loader

CHUNK = 1 << 18


class _Bytes(Loader):
    """Text that stays bytes, for what is only passed on."""

    def load(self, data: Any) -> bytes:
        return bytes(data)


def cursor(*, raw_text: bool = False) -> psycopg.Cursor[Any]:
    """A cursor of the present connection whose statements are planned once; with *raw_text* text comes as bytes."""
    connection.ensure_connection()
    found: psycopg.Cursor[Any] = psycopg.Cursor(connection.connection)
    if raw_text:
        found.adapters.register_loader("text", _Bytes)
    return found


def rows(sql: str, params: Mapping[str, Any] | None = None, *, raw_text: bool = False) -> list[tuple[Any, ...]]:
    """The rows of a statement."""
    with connection.wrap_database_errors, cursor(raw_text=raw_text) as one:
        one.execute(sql, params, prepare=True)
        return one.fetchall()


def do(sql: str, params: Mapping[str, Any] | None = None, *, prepare: bool = True) -> int:
    """Run a statement; how many rows it touched."""
    with connection.wrap_database_errors, cursor() as one:
        one.execute(sql, params, prepare=prepare)
        return int(one.rowcount)


def copy(table: str, columns: Iterable[str], text: bytes | memoryview) -> None:
    """Text in PostgreSQL's own form of COPY into a table."""
    names = ", ".join(f'"{name}"' for name in columns)
    with connection.wrap_database_errors, cursor() as one, one.copy(f"copy {table} ({names}) from stdin") as to:
        view = memoryview(text)
        for start in range(0, len(view), CHUNK):
            to.write(view[start : start + CHUNK])


def new_ids(count: int) -> list[int]:
    """Fresh ids for resources."""
    # found once: asked for beside each number it would cost more than the number
    sql = """with of as materialized (select pg_get_serial_sequence('fhir_resource', 'id')::regclass as ids)
        select nextval(of.ids) from of, generate_series(1, %(count)s)"""
    return [row[0] for row in rows(sql, {"count": count})]
