"""What a configuration says, read once: names checked, secrets filled in."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from yigong.kit.errors import Refused

NAME = re.compile(r"^[\w.\u4e00-\u9fff$#]+$")
WAYS = ("full", "timestamp", "trigger", "compare", "log")


@dataclass(frozen=True, slots=True)
class Settings:
    """The configuration of a database source."""

    url: str
    table: str
    query: str
    place: str
    way: str
    key: tuple[str, ...] = ()
    since_columns: tuple[str, ...] = ()
    overlap_seconds: int = 0
    skip_unstamped: bool = False
    deleted_when: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    store: str = ""  # file that remembers hashes, for the way "compare"
    slot: str = ""  # of the log
    encoding: str = ""  # of a PostgreSQL database that declares none (SQL_ASCII)
    consumer: str = ""  # whose capture it is: two feeds on one table have each their own
    delete_limit: float = 0.3  # share of known rows that may vanish at once
    more: Mapping[str, Any] = field(default_factory=dict)


def settings(config: Mapping[str, Any]) -> Settings:
    """The settings of a database source. Raises Refused exchange.config_missing, name_odd, way_unknown, secret_missing."""
    url, table, query = config.get("url"), str(config.get("table") or ""), str(config.get("query") or "")
    if not url or not (table or query):
        raise Refused("exchange.config_missing", key="url" if not url else "table")
    since = names(config.get("since_column"))
    way = str(config.get("way") or ("timestamp" if since else "full"))
    found = Settings(
        url=filled(str(url)),
        table=table,
        query=query.strip().rstrip(";"),
        place=table or str(config.get("place") or "query"),
        way=way,
        key=names(config.get("key")),
        since_columns=since,
        overlap_seconds=int(config.get("overlap_seconds") or 0),
        skip_unstamped=bool(config.get("skip_unstamped")),
        deleted_when=conditions(config.get("deleted_when")),
        store=str(config.get("store") or ""),
        slot=str(config.get("slot") or ""),
        encoding=str(config.get("encoding") or ""),
        consumer=str(config.get("consumer") or ""),
        delete_limit=float(config.get("delete_limit", 0.3)),
        more=dict(config),
    )
    _check(found)
    return found


def _check(found: Settings) -> None:
    for name in filter(None, (found.table, *found.key, *found.since_columns)):
        if not NAME.match(name):
            raise Refused("exchange.name_odd", name=name)
    if found.way not in WAYS:
        raise Refused("exchange.way_unknown", way=found.way, known=list(WAYS))
    if found.way in ("trigger", "compare", "log") and not found.key:
        raise Refused("exchange.config_missing", key="key")
    if found.way in ("trigger", "log") and not found.table:
        raise Refused("exchange.config_missing", key="table")
    if found.way == "timestamp" and not found.since_columns:
        raise Refused("exchange.config_missing", key="since_column")


def identity(found: Settings) -> str:
    """A digest of what is read, so that what was remembered of another table is not taken for this one's."""
    told = (str(found.more.get("url")), found.table, found.query, *found.key)
    return hashlib.sha256("\x1f".join(told).encode()).hexdigest()


def names(given: Any) -> tuple[str, ...]:
    """One name or several."""
    return () if not given else (given,) if isinstance(given, str) else tuple(map(str, given))


def conditions(given: Any) -> dict[str, tuple[str, ...]]:
    """``{column: value or values}`` with values as text."""
    return {str(c): names(v if isinstance(v, list | tuple) else str(v)) for c, v in (given or {}).items()}


def filled(text: str) -> str:
    """*text* with each ``${NAME}`` taken from the environment, so that no password need be stored."""

    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])  # the feed's own secret, not a setting of the platform
        if found is None:
            raise Refused("exchange.secret_missing", name=match[1])
        return found

    return re.sub(r"\$\{(\w+)\}", value, text)
