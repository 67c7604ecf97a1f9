"""What records write: standard rows, the events made of them, documents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl
from django.db import transaction

from yigong.kit.ctx import Ctx
from yigong.platform.records import documents, filling, indexing, loading, tables
from yigong.platform.records.event_rules import rule
from yigong.platform.records.keeping import NO_GROUPS
from yigong.platform.records.loading import Loaded, load_rows
from yigong.standards.api import load as standards

__all__ = ["Loaded", "came_by", "columns", "fill", "index", "index_documents", "load", "lock", "save_document"]


def columns(identifier: str) -> tuple[str, ...]:
    """The columns of a data set's table."""
    return tuple(tables.columns(f"records_{identifier}"))


def lock(ctx: Ctx, identifier: str, frame: pl.DataFrame, *, shared: bool) -> None:
    """Hold the rows of a frame's sources until the commit: alone, or beside others who share (see ``loading.lock``)."""
    loading.lock(f"records_{identifier}", frame, shared=shared)


def came_by(ctx: Ctx, identifier: str, keys: pl.DataFrame) -> pl.DataFrame:
    """Of *keys* (org_code, source_system, source_key) those under which a row is stored, with its ``batch_id``."""
    return loading.came_by(f"records_{identifier}", keys)


def fill(ctx: Ctx, identifier: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of messages that tell only what is new, with what was said before; under ``lock``. Columns ``_clear``, ``_guess``, ``_op``."""
    return filling.fill(f"records_{identifier}", frame)


@transaction.atomic
def load(
    ctx: Ctx,
    identifier: str,
    frame: pl.DataFrame,
    *,
    batch_id: int | None = None,
    extracted_at: datetime | None = None,
    locked: bool = False,
) -> Loaded:
    """Load standard rows with ``registration_id``; a row is known by (org_code, source_system, source_key).

    New rows are added, rows that say something else become a new version, the rest stay as they are: loading a frame
    twice changes nothing. Rows whose ``_op`` is "delete" leave the table and stay readable as versions.
    """
    if not locked:
        loading.lock(f"records_{identifier}", frame)
    return load_rows(f"records_{identifier}", frame, batch_id=batch_id, extracted_at=extracted_at)


@transaction.atomic
def index(
    ctx: Ctx,
    identifier: str,
    frame: pl.DataFrame,
    gone: pl.DataFrame = NO_GROUPS,
    *,
    alone: indexing.Alone | None = None,
) -> int:
    """Bring the events up to date for the groups of *frame* (rows added or changed) and *gone* (``Loaded.gone``); how many.

    *alone* is called before rows of known groups are read back: a caller with several connections orders them there.
    """
    by = rule(identifier, standards().data_sets[identifier].name_zh)
    return indexing.index_rows(identifier, by, frame, gone, alone) if by else 0


@transaction.atomic
def index_documents(ctx: Ctx, ids: Sequence[int]) -> None:
    """Give documents that bring no standard rows an event of their own."""
    indexing.index_documents(ids)


def save_document(ctx: Ctx, original: bytes, facts: Mapping[str, Any]) -> int:
    """The id of a document, its bytes kept once under their digest; the same document again is the same id."""
    return documents.save(original, facts)
