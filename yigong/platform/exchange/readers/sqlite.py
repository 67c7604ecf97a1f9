"""SQLite sources."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from yigong.kit.errors import Fault
from yigong.platform.exchange.batch import RawBatch
from yigong.platform.exchange.readers.rows import again, newest, placed
from yigong.platform.exchange.readers.sources import ordered, source

__all__ = ["again", "read"]


def read(config: Mapping[str, Any], *, since: str | None, size: int) -> Iterator[RawBatch]:
    """Batches of a table, view or statement; ``url`` is ``sqlite:///path`` or a path."""
    found = source(config)
    statement, values = ordered(found, since=since, mark="?")
    path = found.url.removeprefix("sqlite:///")
    try:
        db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        db.text_factory = lambda raw: raw.decode("utf-8", errors="replace")
        try:
            yield from _batches(db.execute(statement, values), found.place, found.since_column, size)
        finally:
            db.close()
    except sqlite3.Error as error:
        raise Fault("exchange.source_away", permanent=False, place=found.place, reason=str(error)) from error


def _batches(cursor: sqlite3.Cursor, place: str, mark: str | None, size: int) -> Iterator[RawBatch]:
    columns, first = [c[0] for c in cursor.description], 1
    while rows := cursor.fetchmany(size):
        data = {c: [_text(v) for v in values] for c, values in zip(columns, zip(*rows, strict=True), strict=True)}
        frame = pl.DataFrame(data, schema=dict.fromkeys(columns, pl.String))
        yield RawBatch(placed(frame, place, first), place, newest(frame, mark))
        first += len(rows)


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return value.hex() if isinstance(value, bytes) else str(value)
