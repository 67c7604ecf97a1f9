"""The golden person: for each field the best value of the person's registrations, with where and when it comes from."""

from __future__ import annotations

from collections.abc import Iterable

from yigong.kit.clock import now
from yigong.platform.empi.bulk import do

_TRUST = "array_position(array['missing','other','shared','bad','doubtful','trusted'], r.id_trust)"
_RECENT = "r.registered_at desc nulls last, r.id desc"
_PLACEHOLDER = "(r.full_name ~ '(之[子女]|无名|不详|未知|待查|未取名)')::int"
#: a sound number may stand beside a date or sex written wrongly: what the number itself says comes first
_SAYS_BORN = "(r.id_trust = 'trusted' and substr(r.id_no, 7, 8) = to_char(r.born_on, 'YYYYMMDD'))"
_SAYS_SEX = "(r.id_trust = 'trusted' and substr(r.id_no, 17, 1) ~ '[13579]' = (r.sex_code = '1'))"
#: field -> which registration's value is taken, best first
SURVIVORSHIP = {
    "full_name": f"{_PLACEHOLDER}, {_TRUST} desc, {_RECENT}",
    "sex_code": f"{_SAYS_SEX} desc, (r.sex_code in ('1', '2')) desc, {_TRUST} desc, {_RECENT}",
    "born_on": f"{_SAYS_BORN} desc, {_TRUST} desc, {_RECENT}",
    "id_type_code": f"{_TRUST} desc, {_RECENT}",
    "id_no": f"{_TRUST} desc, {_RECENT}",
    "phone": _RECENT,
    "address": _RECENT,
    "village_code": _RECENT,
    "health_card_no": _RECENT,
    "contact_name": _RECENT,
    "contact_phone": _RECENT,
    "ethnic_group_code": _RECENT,
}


def _field(name: str, order: str) -> str:
    source = (
        f"jsonb_build_object('value', r.{name}, 'registration_id', r.id, 'org_code', r.org_code, "
        "'on', to_char(r.registered_at at time zone 'Asia/Shanghai', 'YYYY-MM-DD'))"
    )
    return f"'{name}', (array_agg({source} order by {order}) filter (where r.{name} is not null))[1]"


_GOLDEN = f"jsonb_strip_nulls(jsonb_build_object({', '.join(_field(*item) for item in SURVIVORSHIP.items())}))"
_STATE = f"""case
    when count(r.id) = 0 then 'merged'
    when bool_and(r.state in ('cancelled', 'merged')) and bool_or(r.state = 'cancelled') then 'cancelled'
    when bool_or(r.state = 'deceased') then 'deceased'
    when bool_or(r.id_trust = 'trusted' or r.state = 'attested') then 'verified'
    when p.origin = 'split' then 'split'
    when bool_and(r.full_name is null or {_PLACEHOLDER} = 1) then 'temporary'
    else 'provisional' end"""
_BORN = f"""
    insert into empi_person (id, state, origin, golden, created_at)
    select p.id, {_STATE.replace("p.origin = 'split'", "false")}, 'register', {_GOLDEN}, %s
    from unnest(%s::bigint[]) p (id) join empi_registration r on r.person_id = p.id group by p.id"""
#: what was cancelled says nothing of a person who has other registrations; worked out once, whatever the planner believes of tables that were empty a moment ago
_REFRESH = f"""
    with theirs as materialized (
        select *, bool_or(state not in ('cancelled', 'merged')) over (partition by person_id) as others_live
        from empi_registration where person_id = any(%s)),
    fresh as materialized (
        select p.id, {_STATE} as state, {_GOLDEN} as golden
        from empi_person p left join theirs r on r.person_id = p.id and (r.state <> 'cancelled' or not r.others_live)
        where p.id = any(%s) group by p.id)
    update empi_person set golden = fresh.golden, state = fresh.state from fresh
    where empi_person.id = fresh.id
      and (empi_person.golden, empi_person.state) is distinct from (fresh.golden, fresh.state)"""


def born(person_ids: Iterable[int]) -> int:
    """Persons that did not exist come to be with what their registrations say; how many."""
    wanted = sorted(set(person_ids))
    return do(_BORN, [now(), wanted]) if wanted else 0


def refresh(person_ids: Iterable[int]) -> int:
    """Work out golden record and state of these persons anew, in the present transaction; how many changed."""
    wanted = sorted(set(person_ids))
    return do(_REFRESH, [wanted, wanted]) if wanted else 0
