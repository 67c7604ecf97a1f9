"""Opens a database source by the way its configuration asks for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from yigong.edge.extract.settings import settings
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


def open_database(config: Mapping[str, Any]) -> Source:
    """The source of *config*. Raises Refused exchange.config_missing, way_unknown, driver_missing, url_odd, name_odd."""
    found = settings(config)
    db = Database(str(config["kind"]), found.url, found.place, readonly=found.way not in WRITES)
    name = f"log {db.dialect}" if found.way == "log" else found.way
    if name not in WAYS:
        raise Refused(
            "exchange.way_unfit", place=found.place, way=found.way,
            reason_zh=f"{db.dialect} 的日志读取尚未实现", reason_en=f"reading the log of {db.dialect} is not implemented",
        )  # fmt: skip
    module, _, cls = WAYS[name].partition(":")
    source: Source = getattr(importlib.import_module(module), cls)(config, found, db)
    return source
