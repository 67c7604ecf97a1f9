"""Writes tables into a database of their own beside the platform's, by COPY."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
import psycopg
from django.conf import settings
from psycopg import sql

_TYPES = {pl.Int64: "bigint", pl.Int32: "integer", pl.UInt32: "bigint", pl.Float64: "numeric(14,4)", pl.Date: "date"}


def connect(database: str, **options: Any) -> psycopg.Connection[Any]:
    """A connection to *database* on the server of the platform's own database."""
    own = {key: str(value) for key, value in settings.DATABASES["default"].items() if isinstance(value, str | int)}
    return psycopg.connect(
        host=own["HOST"], port=own["PORT"], user=own["USER"], password=own["PASSWORD"], dbname=database, **options
    )


def own_name() -> str:
    """The name of the platform's own database."""
    return str(settings.DATABASES["default"]["NAME"])


def address(database: str) -> str:
    """The address of *database* for a feed; user and password stay in the environment."""
    return f"${{DATABASE_URL}}?dbname={database}"


def write(database: str, tables: Mapping[str, pl.DataFrame]) -> None:
    """Make *database* anew and put *tables* into it."""
    with connect(own_name(), autocommit=True) as db:
        db.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database)))
        db.execute(sql.SQL("create database {} template template0").format(sql.Identifier(database)))
    with connect(database) as db:
        for name, frame in tables.items():
            _table(db, name, frame)


def exists(database: str) -> bool:
    """Whether *database* is there."""
    with connect(own_name()) as db:
        return db.execute("select 1 from pg_database where datname = %s", [database]).fetchone() is not None


def _table(db: psycopg.Connection[Any], name: str, frame: pl.DataFrame) -> None:
    columns = [sql.SQL("{} " + _type(t)).format(sql.Identifier(c.lower())) for c, t in frame.schema.items()]
    db.execute(sql.SQL("create table {} ({})").format(sql.Identifier(name.lower()), sql.SQL(", ").join(columns)))
    with db.cursor().copy(sql.SQL("copy {} from stdin (format csv)").format(sql.Identifier(name.lower()))) as copy:
        copy.write(frame.write_csv(include_header=False, datetime_format="%Y-%m-%d %H:%M:%S").encode())


def _type(kind: pl.DataType) -> str:
    if isinstance(kind, pl.Datetime):
        return "timestamp"
    return _TYPES.get(kind.base_type(), "varchar")
