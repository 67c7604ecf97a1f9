"""What the readers of databases share: the statement to read, and how far it was read."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from yigong.kit.errors import Refused

_NAME = re.compile(r"^[\w.\u4e00-\u9fff$]+$")


@dataclass(frozen=True, slots=True)
class Source:
    """A table or statement in a source database."""

    url: str
    query: str
    place: str
    since_column: str | None


def source(config: Mapping[str, Any]) -> Source:
    """The source a feed's configuration names: ``url`` and ``table`` or ``query``, ``since_column`` for increments.

    A part ``${NAME}`` of the url is taken from the environment, so that no password need be stored.
    """
    url, table, query = config.get("url"), config.get("table"), config.get("query")
    if not url or not (table or query):
        raise Refused("exchange.config_missing", key="url" if not url else "table")
    for name in filter(None, (table, config.get("since_column"))):
        if not _NAME.match(str(name)):
            raise Refused("exchange.name_odd", name=str(name))
    text = str(query).strip().rstrip(";") if query else f"select * from {table}"
    return Source(_filled(str(url)), text, str(table or config.get("place") or "query"), config.get("since_column"))


def _filled(url: str) -> str:
    def value(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])  # the feed's own secret, not a setting of the platform
        if found is None:
            raise Refused("exchange.secret_missing", name=match[1])
        return found

    return re.sub(r"\$\{(\w+)\}", value, url)


def ordered(found: Source, *, since: str | None, mark: str) -> tuple[str, tuple[str, ...]]:
    """The statement with its bound values: from *since* on, ordered, so that a broken run goes on where it stopped.

    The last moment read is read once more: rows written within the same moment would else be missed, and what is
    already in is recognised as unchanged.
    """
    if not found.since_column:
        return found.query, ()
    where = f" where s.{found.since_column} >= {mark}" if since else ""
    sql = f"select * from ({found.query}) s{where} order by s.{found.since_column}"
    return sql, (since,) if since else ()
