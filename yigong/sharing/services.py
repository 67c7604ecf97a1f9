"""What sharing writes: openings for a declared reason, and the trace of every reading."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.security import api as security
from yigong.sharing.words import REASONS

OPEN_HOURS = 24


@transaction.atomic
def open_person(ctx: Ctx, registration_ids: Sequence[int], *, person_id: int, reason: str, text: str) -> None:
    """Open a person without relation to the actor's institution for a day, for a declared reason."""
    ctx.must("person.open")
    said = text.strip()
    if reason not in REASONS or (reason == "other" and len(said) < 4):
        raise Refused("sharing.reason_needed")
    anchor = registration_ids[0]
    words = f"{reason}: {said}" if said else reason
    security.grant(
        ctx, anchor, ctx.org_code, because="person.open", subject=f"person.open:{anchor}:{ctx.actor_id}",
        hours=OPEN_HOURS, reason=words[:200],
    )  # fmt: skip
    security.audit(
        ctx, "person.open", "person", person_id, registration_id=anchor, after={"reason": reason, "text": said[:200]}
    )


def record_reading(ctx: Ctx, action: str, person_id: int, registration_id: int, **what: object) -> None:
    """Leave the trace of one reading of a person: who, for which institution, why, what."""
    security.audit(ctx, action, "person", person_id, registration_id=registration_id, after=what or None)
