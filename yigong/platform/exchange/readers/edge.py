"""Feeds that an edge node reads: nothing is read here, only rows of quarantine are sent again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from yigong.kit.errors import Refused
from yigong.platform.exchange.batch import Batch
from yigong.platform.exchange.readers.extracted import Extracted

__all__ = ["again", "read"]

again = Extracted("edge").again


def read(config: Mapping[str, Any], *, since: str | None, size: int) -> Iterator[Batch]:
    """Raises Refused edge.read_at_node."""
    raise Refused("edge.read_at_node")
