"""The statements of the direct door: each answers many questions at once, of different readers, and writes the audit."""

from __future__ import annotations

from typing import Any

from yigong.platform.empi.identities import IDENTIFIERS
from yigong.platform.empi.match import neighbours_sql
from yigong.security.api import WHO, audit_sql, persons_in_reach_of

#: identities answered to one question at most: a number under which a village stands is no way to read the village
MOST = 200
KINDS = ("id_no", "health_card_no", "phone", "local_id", "person")
FOUND = ("registration_id", "person_id", "org_code", "source_system", "local_id", "state", "full_name")

_TYPES = {"actor_id": "bigint"}
_WHO = ", ".join(f"{name} {_TYPES.get(name, 'text')}" for name in WHO)
_ASKED = f"""asked as materialized (
    select u.*, string_to_array(u.org_codes, ',') as orgs from json_to_recordset(%(asked)s::json)
    as u (n int, value text, org text, system text, reach text, org_codes text, {_WHO}))"""


def lookup_sql(kind: str) -> str:
    """Rows ``n`` and FOUND for each question of the JSON list *asked*; each answer is audited in the same statement."""
    value = "a.value::bigint" if kind == "person" else "a.value"
    condition = IDENTIFIERS[kind] % {"value": value, "org_code": "a.org", "source_system": "a.system"}
    noted = audit_sql(
        f"""select {", ".join(f"a.{name}" for name in WHO)}, 'empi.lookup' as action, 'person' as subject_kind,
            coalesce(f.person_id::text, '') as subject_id, f.registration_id
            from asked a left join (select n, person_id, min(registration_id) as registration_id from found
                group by n, person_id) f on f.n = a.n"""
    )
    return f"""with {_ASKED}, found as (
            select a.n, r.* from asked a cross join lateral (
                select r.id as registration_id, r.person_id, r.org_code, r.source_system, r.local_id, r.state,
                    coalesce(r.full_name, '') as full_name
                from empi_registration r where {condition} and {persons_in_reach_of("a", "r.person_id")}
                order by r.id limit {MOST}) r),
        noted as ({noted})
        select n, {", ".join(FOUND)} from found order by n, registration_id"""


def match_sql() -> str:
    """Neighbours of numbered questions (see :func:`neighbours_sql`), each within the reach of who asks."""
    keys = "unnest(%(n)s::int[], %(rule)s::smallint[], %(key)s::bigint[]) u (n, rule, key)"
    reach = f"exists (select 1 from asked a where a.n = c.n and {persons_in_reach_of('a', 'r.person_id')})"
    return f"with {_ASKED} {neighbours_sql(keys, reach)}"


def note_sql() -> str:
    """Audits answers of matches: a row of the JSON list *said* for each person that was told, or one without."""
    names = ", ".join((*WHO, "subject_id", "registration_id"))
    return audit_sql(
        f"""select {names}, 'empi.lookup' as action, 'person' as subject_kind from json_to_recordset(%(said)s::json)
            as u ({_WHO}, subject_id text, registration_id bigint)"""
    )


def row_of(asked: Any, number: int) -> dict[str, Any]:
    """A question as a row of *asked*."""
    return {**asked.who, "n": number, "value": asked.value, "org": asked.org, "system": asked.system}
