"""How far a reader's data rights go, compiled into a condition that every query of personal data carries."""

from __future__ import annotations

from typing import Any, NamedTuple

from django.db import connection

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx, Reach
from yigong.kit.errors import Refused


class Condition(NamedTuple):
    """An SQL condition with its parameters (psycopg named style), to be put after ``where`` or ``and``."""

    sql: str
    params: dict[str, Any]


def persons_in_reach(ctx: Ctx, person_id_sql: str) -> Condition:
    """True for a person one of whose registrations is of the reader's institutions or granted to them.

    *person_id_sql* names the column, e.g. ``p.id``; it is written by the program, never by a user.
    """
    _needs_ctx(ctx)
    match ctx.reach:
        case Reach.COUNTY:
            return Condition("true", {})
        case Reach.NONE:
            return Condition("false", {})
    return Condition(_theirs(person_id_sql), _params(ctx))


def persons_in_reach_of(row: str, person_id_sql: str) -> str:
    """The same for a statement that answers many readers at once: the asking row *row* has ``reach`` and ``orgs`` (text[])."""
    theirs = _theirs(person_id_sql, f"{row}.orgs", "now()")
    return f"(case {row}.reach when 'county' then true when 'own' then {theirs} else false end)"


def _theirs(person_id_sql: str, orgs: str = "%(scope_orgs)s", moment: str = "%(scope_now)s") -> str:
    return f"""exists (select 1 from empi_registration scope_r where scope_r.person_id = {person_id_sql}
                and (scope_r.org_code = any({orgs}) or {_granted("scope_r.id", orgs, moment)}))"""


def registrations_in_reach(ctx: Ctx, registration_id_sql: str) -> Condition:
    """True for a registration whose person is in the reader's reach."""
    _needs_ctx(ctx)
    match ctx.reach:
        case Reach.COUNTY:
            return Condition("true", {})
        case Reach.NONE:
            return Condition("false", {})
    return Condition(
        f"""exists (select 1 from empi_registration scope_a join empi_registration scope_r
                on scope_r.person_id = scope_a.person_id
                where scope_a.id = {registration_id_sql}
                and (scope_r.org_code = any(%(scope_orgs)s) or {_granted("scope_r.id")}))""",
        _params(ctx),
    )


def _granted(registration_id_sql: str, orgs: str = "%(scope_orgs)s", moment: str = "%(scope_now)s") -> str:
    return f"""exists (select 1 from security_grant scope_g where scope_g.registration_id = {registration_id_sql}
                and scope_g.org_code = any({orgs}) and scope_g.revoked_at is null
                and scope_g.expires_at > {moment})"""


def _params(ctx: Ctx) -> dict[str, Any]:
    return {"scope_orgs": list(ctx.orgs), "scope_now": now()}


def _needs_ctx(ctx: Ctx) -> None:
    if not isinstance(ctx, Ctx):
        raise Refused("no_actor")


def is_in_reach(ctx: Ctx, person_id: int) -> bool:
    """Whether the reader may see this person."""
    condition = persons_in_reach(ctx, "%(person_id)s")
    with connection.cursor() as cursor:
        cursor.execute(f"select {condition.sql}", {"person_id": person_id, **condition.params})
        row = cursor.fetchone()
    return bool(row and row[0])


def registration_ids(person_id: int) -> tuple[int, ...]:
    """The registrations that are this person now, in no scope: ids only, to anchor audit lines and grants."""
    with connection.cursor() as cursor:
        cursor.execute("select id from empi_registration where person_id = %s order by id", [person_id])
        return tuple(row[0] for row in cursor.fetchall())
