"""The door of extraction: any source opened from its configuration and read in chunks.

A configuration is JSON. ``kind`` names the source; databases take ``url``, ``table`` or ``query``, ``way`` (``full timestamp
trigger compare log``), ``key``, ``since_column``, ``overlap_seconds``, ``deleted_when``, ``consumer`` (whose triggers or slot); files take ``path`` or ``folder`` with
``pattern``. A part ``${NAME}`` of the url is taken from the environment.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, cast

from yigong.edge.extract.frames import DELETE, OP, PLACE, UPSERT
from yigong.edge.extract.sentences import SENTENCES
from yigong.edge.extract.source import Chunk, Column, Source, State
from yigong.kit.errors import Refused

_DATABASE = "yigong.edge.extract.sql.opening:open_database"
_FILES = "yigong.edge.extract.files:open_files"

#: kind of source -> function that opens it, imported on first use
KINDS = {
    "postgresql": _DATABASE,
    "mysql": _DATABASE,
    "mariadb": _DATABASE,
    "mssql": _DATABASE,
    "oracle": _DATABASE,
    "sqlite": _DATABASE,
    "database": _DATABASE,
    "csv": _FILES,
    "excel": _FILES,
    "parquet": _FILES,
    "xml": _FILES,
    "text": _FILES,
}


def open_source(config: Mapping[str, Any]) -> Source:
    """The source that *config* describes. Raises Refused exchange.reader_unknown, config_missing, driver_missing, …"""
    kind = str(config.get("kind") or "")
    if kind not in KINDS:
        raise Refused("exchange.reader_unknown", kind=kind, known=sorted(KINDS))
    module, _, name = KINDS[kind].partition(":")
    return cast(Source, getattr(importlib.import_module(module), name)(config))


def look_into(kind: str, url: str, table: str = "") -> Any:
    """The tables of a database, and columns and key of *table* (``sql.opening.Look``). Raises Refused and Fault."""
    if KINDS.get(kind) != _DATABASE:
        raise Refused("exchange.reader_unknown", kind=kind, known=sorted(k for k, v in KINDS.items() if v == _DATABASE))
    return importlib.import_module("yigong.edge.extract.sql.opening").look(kind, url, table)


__all__ = [
    "DELETE",
    "KINDS",
    "OP",
    "PLACE",
    "SENTENCES",
    "UPSERT",
    "Chunk",
    "Column",
    "Source",
    "State",
    "look_into",
    "open_source",
]
