"""What security writes: audit lines, grants, users and roles."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx, Purpose, Reach
from yigong.security.models import Audit, Grant, Membership, Role, User

#: signs of a subject that are written down: a type of FHIR with the longest id has more
SUBJECT = 80


def audit(
    ctx: Ctx,
    action: str,
    subject_kind: str,
    subject_id: object = "",
    *,
    registration_id: int | None = None,
    before: Any = None,
    after: Any = None,
) -> None:
    """Write down an act: who, for which institution, why, what, on whom."""
    with connection.cursor() as cursor:
        cursor.execute(
            _AUDIT,
            [
                now(), *map(who(ctx).get, WHO), action, subject_kind, str(subject_id)[:SUBJECT], registration_id,
                _json(before), _json(after),
            ],
        )  # fmt: skip


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def audit_many(ctx: Ctx, action: str, subject_kind: str, subjects: Iterable[tuple[object, int | None]]) -> None:
    """Write down one act on many subjects: pairs of subject id and registration id."""
    at, by = now(), who(ctx)
    Audit.objects.bulk_create(
        Audit(
            at=at,
            action=action,
            subject_kind=subject_kind,
            subject_id=str(subject)[:SUBJECT],
            registration_id=registration,
            **by,
        )
        for subject, registration in subjects
    )


#: what a row of a set-based statement must name for :func:`audit_sql`
WHO = ("actor_id", "actor_name", "role", "org_code", "purpose", "request_id", "address")
WHAT = ("action", "subject_kind", "subject_id", "registration_id")
#: every page of a person writes one, so no model is made for it
_AUDIT = f"""insert into security_audit (at, {", ".join((*WHO, *WHAT))}, before, after)
             values (%s, {", ".join(["%s"] * len((*WHO, *WHAT)))}, %s::jsonb, %s::jsonb)"""


def audit_sql(source: str) -> str:
    """A statement that writes down an act for each row of *source* (a select with the columns WHO and WHAT), for one that
    reads and must be written down in the same round: what was read has then been audited, or was not read."""
    names = ", ".join((*WHO, *WHAT))
    return f"insert into security_audit (at, {names}) select now(), {names} from ({source}) said"


def who(ctx: Ctx) -> dict[str, Any]:
    """The columns WHO of an actor."""
    return {
        "actor_id": ctx.actor_id,
        "actor_name": ctx.actor_name,
        "role": ctx.role,
        "org_code": ctx.org_code,
        "purpose": ctx.purpose.value,
        "request_id": ctx.request_id,
        "address": ctx.address,
    }


@transaction.atomic
def grant(
    ctx: Ctx,
    registration_id: int,
    org_code: str,
    *,
    because: str,
    subject: str,
    hours: float,
    reason: str = "",
) -> None:
    """Open a person to an institution for *hours* because of a named act; a second grant replaces the first."""
    moment = now()
    Grant.objects.filter(subject=subject, org_code=org_code, registration_id=registration_id, revoked_at=None).update(
        revoked_at=moment
    )
    Grant.objects.create(
        registration_id=registration_id,
        org_code=org_code,
        because=because,
        subject=subject,
        reason=reason,
        granted_by=ctx.actor_id,
        granted_at=moment,
        expires_at=moment + timedelta(hours=hours),
    )
    audit(
        ctx,
        "person.grant",
        "grant",
        subject,
        registration_id=registration_id,
        after={"org_code": org_code, "because": because},
    )


@transaction.atomic
def revoke(ctx: Ctx, subject: str, *, org_code: str | None = None) -> int:
    """Withdraw the open grants of a case; says how many."""
    grants = Grant.objects.filter(subject=subject, revoked_at=None)
    if org_code:
        grants = grants.filter(org_code=org_code)
    ended = grants.update(revoked_at=now())
    if ended:
        audit(ctx, "person.revoke", "grant", subject, after={"ended": ended})
    return ended


def make_role(code: str, name: str, *, actions: Sequence[str], reach: Reach, purpose: Purpose) -> Role:
    """The role *code*, made or brought to these rights."""
    role, _ = Role.objects.update_or_create(
        code=code, defaults={"name": name, "actions": sorted(actions), "reach": reach, "purpose": purpose}
    )
    return role


@transaction.atomic
def make_user(
    login_name: str, full_name: str, *, password: str, role: str, org_code: str, title: str = "", department: str = ""
) -> User:
    """A user with one membership; an existing one gets the password, the name and the membership."""
    user = User.objects.filter(login_name=login_name).first() or User(login_name=login_name)
    user.full_name, user.title = full_name, title
    user.failed_count, user.locked_at, user.unlocks_at = 0, None, None
    user.set_password(password)
    user.save()
    Membership.objects.update_or_create(
        user=user, role=Role.objects.get(code=role), org_code=org_code, defaults={"department": department}
    )
    return user
