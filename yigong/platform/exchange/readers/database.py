"""Any database SQLAlchemy speaks to (MySQL, SQL Server, Oracle, Dameng …) when its driver is installed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from yigong.kit.errors import Fault, Refused
from yigong.platform.exchange.batch import RawBatch
from yigong.platform.exchange.readers.rows import again, newest, placed
from yigong.platform.exchange.readers.sources import Source, ordered, source

__all__ = ["again", "read"]


def read(config: Mapping[str, Any], *, since: str | None, size: int) -> Iterator[RawBatch]:
    """Batches of a table, view or statement; rows are streamed from the server."""
    found = source(config)
    statement, values = ordered(found, since=since, mark=":since")
    engine = _engine(found)
    try:
        with engine.connect() as db:
            streamed = db.execution_options(stream_results=True, yield_per=size)
            result = streamed.execute(sa.text(statement), {"since": values[0]} if values else {})
            yield from _batches(result, found, size)
    except sa.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        raise Fault("exchange.source_away", permanent=False, place=found.place, reason=reason) from error
    finally:
        engine.dispose()


def _engine(found: Source) -> sa.Engine:
    try:
        return sa.create_engine(found.url)
    except sa.exc.ArgumentError as error:
        raise Refused("exchange.url_odd", place=found.place) from error
    except ModuleNotFoundError as error:
        raise Refused("exchange.driver_missing", driver=error.name) from error


def _batches(result: sa.CursorResult[Any], found: Source, size: int) -> Iterator[RawBatch]:
    columns, first = list(result.keys()), 1
    for rows in result.partitions(size):
        data = {c: [_text(v) for v in values] for c, values in zip(columns, zip(*rows, strict=True), strict=True)}
        frame = pl.DataFrame(data, schema=dict.fromkeys(columns, pl.String))
        yield RawBatch(placed(frame, found.place, first), found.place, newest(frame, found.since_column))
        first += len(rows)


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, bool):
        return "1" if value else "0"
    return value.hex() if isinstance(value, bytes) else str(value)
