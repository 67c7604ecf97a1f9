"""Keeps what a register said before and after each change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.db import models as django_models

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.platform.registry.models import Change


def facts(row: django_models.Model | None) -> dict[str, Any] | None:
    """A row as it is kept in the history."""
    if row is None:
        return None
    values = {f.name: f.value_from_object(row) for f in row._meta.concrete_fields if f.name != "id"}
    return {n: v.isoformat() if isinstance(v, date | datetime) else v for n, v in values.items()}


def record(
    ctx: Ctx, kind: str, key: object, verb: str, *, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None,
    version: int = 1, reason: str = "",
) -> None:  # fmt: skip
    """Write one change down."""
    Change.objects.create(
        kind=kind, key=str(key), version=version, verb=verb, before=before, after=after, by_name=ctx.actor_name[:60],
        org_code=ctx.org_code, reason=reason[:200], at=now(),
    )  # fmt: skip


def history(kind: str, key: object) -> list[Change]:
    """The changes of one thing, newest first."""
    return list(Change.objects.filter(kind=kind, key=str(key)).order_by("-at", "-id")[:200])


def differences(change: Change) -> list[tuple[str, Any, Any]]:
    """The fields in which a change made a difference: name, before, after."""
    before, after = change.before or {}, change.after or {}
    return [
        (n, before.get(n), after.get(n))
        for n in {**before, **after}
        if before.get(n) != after.get(n) and n != "version"
    ]
