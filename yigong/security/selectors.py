"""What security can tell about readings and openings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.security.models import Audit, Grant


@dataclass(frozen=True, slots=True)
class Reading:
    """One line of the ledger of a person: who did what, for which institution, why, when."""

    at: datetime
    actor_name: str
    role: str
    org_code: str
    purpose: str
    action: str
    facts: Any


@dataclass(frozen=True, slots=True)
class OpenGrant:
    """An institution that may read the person because of a named act."""

    org_code: str
    because: str
    reason: str
    granted_at: datetime
    expires_at: datetime


def readings(registration_ids: Sequence[int], *, limit: int = 200) -> list[Reading]:
    """Acts on a person, newest first, by the registrations that are the person."""
    rows = Audit.objects.filter(registration_id__in=list(registration_ids)).order_by("-at")[:limit]
    return [Reading(a.at, a.actor_name, a.role, a.org_code, a.purpose, a.action, a.after) for a in rows]


def open_grants(registration_ids: Sequence[int]) -> list[OpenGrant]:
    """Grants on a person that hold now, the longest first."""
    rows = Grant.objects.filter(
        registration_id__in=list(registration_ids), revoked_at=None, expires_at__gt=now()
    ).order_by("-expires_at")
    return [OpenGrant(g.org_code, g.because, g.reason, g.granted_at, g.expires_at) for g in rows]


def last_read(ctx: Ctx, *, limit: int) -> dict[int, datetime]:
    """Registrations whose persons the actor opened last, newest first, with the moment."""
    rows = Audit.objects.filter(
        actor_id=ctx.actor_id, org_code=ctx.org_code, action="person.view", registration_id__isnull=False
    ).order_by("-at")[: limit * 12]
    found: dict[int, datetime] = {}
    for row in rows.values_list("registration_id", "at"):
        if len(found) < limit:
            found.setdefault(row[0] or 0, row[1])
    return found


def role_names() -> list[tuple[str, str]]:
    """Code and name of every role of this installation."""
    from yigong.security.models import Role

    return list(Role.objects.order_by("id").values_list("code", "name"))
