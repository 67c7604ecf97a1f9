"""PostgreSQL sources, by COPY."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl
import psycopg
from psycopg import sql

from yigong.kit.errors import Fault
from yigong.platform.exchange.batch import RawBatch
from yigong.platform.exchange.readers.rows import again, newest, placed
from yigong.platform.exchange.readers.sources import ordered, source

__all__ = ["again", "read"]


def read(config: Mapping[str, Any], *, since: str | None, size: int) -> Iterator[RawBatch]:
    """Batches of a table, view or statement, in one snapshot of the source."""
    found = source(config)
    statement, values = ordered(found, since=since, mark="{}")
    # the value is quoted by psycopg: COPY takes no parameters
    query = sql.SQL("copy ({}) to stdout (format csv)").format(
        sql.SQL(statement).format(*map(sql.Literal, values)) if values else sql.SQL(statement)  # type: ignore[arg-type]
    )
    try:
        with psycopg.connect(found.url, options="-c datestyle=ISO -c timezone=Asia/Shanghai") as db:
            db.read_only = True
            columns = _columns(db, found.query)
            yield from _batches(db, query, columns, found.place, found.since_column, size)
    except psycopg.Error as error:
        raise Fault("exchange.source_away", permanent=False, place=found.place, reason=_reason(error)) from error


def _reason(error: psycopg.Error) -> str:
    return str(error.diag.message_primary or error).splitlines()[0]


def _columns(db: psycopg.Connection[Any], query: str) -> list[str]:
    cursor = db.execute(f"select * from ({query}) s limit 0")  # type: ignore[arg-type]
    return [c.name for c in cursor.description or ()]


def _batches(
    db: psycopg.Connection[Any], query: sql.Composed, columns: list[str], place: str, mark: str | None, size: int
) -> Iterator[RawBatch]:
    first, held = 1, []
    with db.cursor().copy(query) as rows:
        for row in rows:  # the server sends one row in each message
            held.append(row)
            if len(held) >= size:
                yield _batch(held, columns, place, first, mark)
                first, held = first + len(held), []
    if held:
        yield _batch(held, columns, place, first, mark)


def _batch(rows: list[Any], columns: list[str], place: str, first: int, mark: str | None) -> RawBatch:
    frame = pl.read_csv(b"".join(rows), has_header=False, schema=dict.fromkeys(columns, pl.String))
    clean = frame.select(pl.when(pl.col(c) != "").then(pl.col(c)).alias(c) for c in columns)
    return RawBatch(placed(clean, place, first), place, newest(clean, mark))
