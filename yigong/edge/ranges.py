"""Ranges of dates that the centre ordered to be read once more: which are done, and what came of the last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from yigong.edge.buffer import Buffer
from yigong.edge.sentences import said_of


def done(buffer: Buffer, feed: str) -> int:
    """The number of the last order that was carried out; 0 where none was."""
    return int(told(buffer, feed).get("number") or 0)


def note(
    buffer: Buffer, feed: str, number: int, *, rows: int = 0, error: tuple[str, Mapping[str, Any]] | None = None
) -> None:
    """Write down that an order is done, with its rows or why it cannot be."""
    facts: dict[str, Any] = {"number": number, "rows": rows}
    if error:
        zh, en = said_of(*error)
        facts["error"] = {"code": error[0], "zh": zh, "en": en}
    buffer.note(f"range {feed}", json.dumps(facts, ensure_ascii=False))


def told(buffer: Buffer, feed: str) -> dict[str, Any]:
    """What is told of it with each beat; empty where nothing was ordered yet."""
    found: dict[str, Any] = json.loads(buffer.fact(f"range {feed}") or "{}")
    return found
