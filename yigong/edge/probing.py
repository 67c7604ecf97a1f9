"""A look at a source for the centre, which cannot reach it: columns, some rows, the source's own count."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from yigong.edge.extract import trouble
from yigong.edge.extract.api import open_source
from yigong.edge.sentences import said_of
from yigong.kit.errors import Fault, Refused

log = logging.getLogger("yigong.edge")
PLAIN_BYTES = 1_000_000  # of the rows; wide rows are fewer


def look(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What the centre asked to see of a source, or the sentence why it cannot be seen."""
    try:
        with open_source(dict(asked["source"])) as source:
            frame = source.sample(min(200, max(1, int(asked.get("rows", 50)))))
            count = source.expected({})
    except (Refused, Fault) as error:
        return _failed(asked, error.code, error.facts)
    except Exception as error:  # a driver's own kinds
        if (fault := trouble.system_fault(error, place=str(asked.get("title", "")))) is not None:
            return _failed(asked, fault.code, fault.facts)
        sign = trouble.reference()
        log.error("look at a source stopped, reference %s\n%s", sign, trouble.trace(error))
        return _failed(asked, "edge.feed_failed", {"reference": sign})
    return {"id": asked["id"], "columns": frame.columns, "rows": count, "sample": _within(frame.rows())}


def _failed(asked: Mapping[str, Any], code: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    zh, en = said_of(code, facts)
    return {"id": asked["id"], "error": {"code": code, "zh": zh, "en": en}}


def _within(rows: list[tuple[Any, ...]]) -> list[list[str | None]]:
    """As many rows as one answer may bear."""
    found: list[list[str | None]] = []
    room = PLAIN_BYTES
    for row in rows:
        texts = [None if v is None else str(v) for v in row]
        room -= sum(4 * len(t or "") + 8 for t in texts)
        if room < 0:
            break
        found.append(texts)
    return found
