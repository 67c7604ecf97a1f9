"""Feeds that an edge node reads: nothing is read here, only what it sent is taken, and rows of quarantine once more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from yigong.edge.mapping.api import PLACE, Plan, standard_rows
from yigong.kit.errors import Refused
from yigong.platform.exchange.batch import MAPPED, Batch, StandardBatch
from yigong.platform.exchange.readers.extracted import Extracted

__all__ = ["again", "mapped", "mapped_again", "read"]

again = Extracted("edge").again


def read(config: Mapping[str, Any], *, since: str | None, size: int) -> Iterator[Batch]:
    """Raises Refused edge.read_at_node."""
    raise Refused("edge.read_at_node")


def mapped(plan: Plan, frame: pl.DataFrame, org_code: str, place: str) -> StandardBatch:
    """Rows that a node mapped, all text; what is turned away of them waits as it was sent, under the standard's names."""
    rows = standard_rows(plan, frame, org_code)
    sent = frame.with_columns(pl.lit(plan.data_set).alias(MAPPED))
    return StandardBatch(plan.data_set, rows, plan.registrations(rows), place=place, leads=plan.leads, sent=sent)


def mapped_again(plan: Plan | None, raw: Mapping[str, Any], org_code: str, place: str) -> StandardBatch:
    """Such a row from quarantine, as it was or as it was mended. Raises Refused edge.mapping_elsewhere."""
    if plan is None or plan.data_set != raw[MAPPED]:
        raise Refused("edge.mapping_elsewhere")
    said = {name: [None if value in (None, "") else str(value)] for name, value in raw.items() if name != MAPPED}
    frame = pl.DataFrame({**said, PLACE: [place]}, schema={**dict.fromkeys(said, pl.String), PLACE: pl.String})
    return mapped(plan, frame, org_code, place)
