"""Opens a database source by the way its configuration asks for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yigong.edge.extract.settings import filled, settings
from yigong.edge.extract.source import Source
from yigong.edge.extract.sql.database import Database
from yigong.kit.errors import Refused

#: way -> class, imported on first use; "log" is by the database
WAYS = {
    "full": "yigong.edge.extract.sql.full:Full",
    "timestamp": "yigong.edge.extract.sql.timestamp:Timestamp",
    "trigger": "yigong.edge.extract.sql.trigger:Trigger",
    "compare": "yigong.edge.extract.sql.compare:Compare",
    "log postgresql": "yigong.edge.extract.sql.log_postgresql:PostgresLog",
    "log mariadb": "yigong.edge.extract.sql.log_mariadb:MariaLog",
    "log mysql": "yigong.edge.extract.sql.log_mariadb:MariaLog",
}
WRITES = ("trigger", "log")  # ways that keep something of their own in the source


@dataclass(frozen=True, slots=True)
class Look:
    """What stands in a database: its tables; the columns (name, kind) and the primary key of one of them."""

    host: str
    tables: tuple[str, ...]
    columns: tuple[tuple[str, str], ...] = ()
    key: tuple[str, ...] = ()


def look(kind: str, url: str, table: str = "") -> Look:
    """Look into a database before anything is read of it. Raises Refused url_odd, driver_missing, secret_missing or a Fault of its kind."""
    db = Database(kind, filled(url), table or url_place(url))
    try:
        columns, key = db.described(table) if table else ([], [])
        return Look(db.host, tuple(db.tables()), tuple(columns), tuple(key))
    finally:
        db.close()


def url_place(url: str) -> str:
    """An address as it may be shown: without user and password."""
    return url.rpartition("@")[2] or "url"


def open_database(config: Mapping[str, Any]) -> Source:
    """The source of *config*. Raises Refused exchange.config_missing, way_unknown, driver_missing, url_odd, name_odd."""
    found = settings(config)
    db = Database(
        str(config["kind"]), found.url, found.place, readonly=found.way not in WRITES, encoding=found.encoding
    )
    name = f"log {db.dialect}" if found.way == "log" else found.way
    if name not in WAYS:
        raise Refused(
            "exchange.way_unfit", place=found.place, way=found.way,
            reason_zh=f"{db.dialect} 的日志读取尚未实现", reason_en=f"reading the log of {db.dialect} is not implemented",
        )  # fmt: skip
    module, _, cls = WAYS[name].partition(":")
    source: Source = getattr(importlib.import_module(module), cls)(config, found, db)
    return source
