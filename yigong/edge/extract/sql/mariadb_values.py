"""Values as the binary log has them, written as a query gives them: the same row must not look different by the way it came. Pure."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any

import numpy as np

from yigong.edge.extract.frames import plain

Turn = Callable[[Any], Any]
COLUMNS = """select column_name, data_type, column_type, character_octet_length from information_schema.columns
    where table_schema = :schema and table_name = :table"""
#: how far the server's local time is ahead of UTC: the log has TIMESTAMP in UTC, a query has it in local time
AHEAD = "select timestampdiff(second, utc_timestamp(), now())"
_MEMBERS = re.compile(r"'((?:[^']|'')*)'")


def turns(columns: Sequence[Sequence[Any]], ahead_seconds: int) -> dict[str, Turn]:
    """For each column that needs it what makes a query's value of the log's; *columns* as ``COLUMNS`` gives them."""
    found: dict[str, Turn] = {}
    for name, kind, full, octets in columns:
        turn = _turn(str(kind).lower(), str(full), int(octets or 0), ahead_seconds)
        if turn is not None:
            found[str(name)] = turn
    return found


def _turn(kind: str, full: str, octets: int, ahead_seconds: int) -> Turn | None:
    match kind:
        case "timestamp":
            return lambda v: v + timedelta(seconds=ahead_seconds) if isinstance(v, datetime) else v
        case "bit":
            return lambda v: int(v, 2) if isinstance(v, str) else v
        case "float":
            return lambda v: float(str(np.float32(v)))  # 1.1, not 1.100000023841858
        case "set":
            order = [m.replace("''", "'") for m in _MEMBERS.findall(full)]
            return lambda v: ",".join(m for m in order if m in v) if isinstance(v, set | frozenset) else v
        case "binary":
            return lambda v: bytes(v).ljust(octets, b"\0") if isinstance(v, bytes) else v
        case "uuid":
            return lambda v: str(uuid.UUID(bytes=_packed(v, 16)))
        case "inet6" | "inet4":
            return lambda v: str(ip_address(_packed(v, 16 if kind == "inet6" else 4)))
    return None


def _packed(value: Any, size: int) -> bytes:
    """The bytes of a fixed width: the log leaves zeros at their end out."""
    raw = value if isinstance(value, bytes) else str(value).encode("latin-1")
    return raw.ljust(size, b"\0")


def as_text(values: Mapping[str, Any], turned: Mapping[str, Turn]) -> dict[str, str | None]:
    """The values of a row of the log as text."""
    return {
        name: plain(turned[name](value) if name in turned and value is not None else value)
        for name, value in values.items()
    }
