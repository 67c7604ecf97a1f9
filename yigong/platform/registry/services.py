"""Registers institutions, divisions and staff, whole frames at a time."""

from __future__ import annotations

from typing import Any

import polars as pl
from django.db import models as django_models
from django.db import transaction

from yigong.kit.clock import today
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.registry.models import Division, Institution, Staff
from yigong.platform.registry.selectors import kept
from yigong.security.api import audit


def save_institutions(ctx: Ctx, frame: pl.DataFrame) -> int:
    """Register institutions; columns named as the table, ``year`` defaults to this year. How many rows were sent.

    Raises Refused missing or unknown_column.
    """
    saved = _save(ctx, Institution, frame, key=["code", "year"], needed=["code", "name", "short_name", "kind"])
    transaction.on_commit(kept.forget)
    return saved


def save_divisions(ctx: Ctx, frame: pl.DataFrame) -> int:
    """Register administrative divisions: ``code, name, level, parent_code``, ``year`` defaults to this year."""
    return _save(ctx, Division, frame, key=["code", "year"], needed=["code", "name", "level"])


def save_staff(ctx: Ctx, frame: pl.DataFrame) -> int:
    """Register staff; the identity number is the key."""
    return _save(ctx, Staff, frame, key=["id_no"], needed=["id_no", "full_name", "org_code"])


@transaction.atomic
def _save(ctx: Ctx, model: type[django_models.Model], frame: pl.DataFrame, *, key: list[str], needed: list[str]) -> int:
    known = {f.name for f in model._meta.concrete_fields} - {"id"}
    if missing := [c for c in needed if c not in frame.columns]:
        raise Refused("missing", fields=missing)
    if unknown := [c for c in frame.columns if c not in known]:
        raise Refused("unknown_column", columns=unknown)
    if "year" in key and "year" not in frame.columns:
        frame = frame.with_columns(pl.lit(today().year).alias("year"))
    rows: list[dict[str, Any]] = frame.unique(subset=key, keep="last", maintain_order=True).to_dicts()
    model._default_manager.bulk_create(
        [model(**row) for row in rows],
        batch_size=2000,
        update_conflicts=True,
        unique_fields=key,
        update_fields=[c for c in frame.columns if c not in key] or key,
    )
    audit(ctx, "registry.save", model._meta.db_table, after={"rows": len(rows)})
    return len(rows)
