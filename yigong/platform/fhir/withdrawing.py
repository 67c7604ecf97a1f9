"""The registration that a deleted Patient had made, once nothing hangs on it: withdrawn in the index, and given again."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from yigong.kit.ctx import Ctx
from yigong.platform.empi import api as empi
from yigong.platform.fhir import db

#: reasons in the log of decisions
GONE, BACK = "FHIR Patient 已删除，且没有记录", "FHIR 再次写入"
#: tables whose rows about a registration hold nothing on it: the index itself, its history, who read, and FHIR (asked below)
_ASIDE = ("empi_", "fhir_", "security_audit", "records_version")

#: registrations of Patients that were deleted, with no other living resource, that a program or an import had made
_LONELY = """select g.id from empi_registration g where g.id = any(%(ids)s) and g.state = 'active'
    and exists (select 1 from fhir_resource r where r.registration_id = g.id and r.type = 'Patient' and r.origin = 'fhir' and r.deleted)
    and not exists (select 1 from fhir_resource r where r.registration_id = g.id and r.origin = 'fhir' and not r.deleted)
    and not exists (select 1 from fhir_resource r where r.others @> array[g.id] and r.others is not null and not r.deleted)
    and exists (select 1 from empi_decision d where d.to_person = g.person_id and d.verb in ('new', 'link')
        and d.registration_ids = jsonb_build_array(g.id) and (d.by_id < 0 or d.by_name = 'yigong fhir import'))"""
#: registrations of which the last mark in the log is the one that is set here
_WITHDRAWN = """select g.id from empi_registration g where g.id = any(%(ids)s) and g.state = 'cancelled' and %(reason)s = (
    select d.reason from empi_decision d where d.to_person = g.person_id and d.verb = 'mark' and d.registration_ids @> to_jsonb(g.id)
    order by d.id desc limit 1)"""
_OF = """select distinct registration_id, bool_or(not deleted) over (partition by registration_id) from fhir_resource
    where id = any(%(ids)s) and registration_id is not null"""


def settle(ctx: Ctx, resource_ids: Sequence[int]) -> None:
    """Withdraw, or give again, the registrations that these resources, carried just now, are about."""
    touched = db.rows(_OF, {"ids": list(resource_ids)})
    living = [one for one, lives in touched if lives]
    if back := [row[0] for row in db.rows(_WITHDRAWN, {"ids": living, "reason": GONE})] if living else []:
        empi.reinstate(ctx, back, reason=BACK)
    gone = [one for one, lives in touched if not lives]
    lonely = [row[0] for row in db.rows(_LONELY, {"ids": gone})] if gone else []
    if lonely and (bare := sorted(set(lonely) - _held(lonely))):
        empi.withdraw(ctx, bare, reason=GONE)


def _held(ids: Sequence[int]) -> set[int]:
    """Those of these registrations on which a row of any module hangs."""
    parts = " union all ".join(
        f'select registration_id from "{t}" where registration_id = any(%(ids)s)' for t in _tables()
    )
    return {row[0] for row in db.rows(parts, {"ids": list(ids)})}


@cache
def _tables() -> tuple[str, ...]:
    """All tables whose rows are about a registration, of whichever module."""
    found = db.rows("""select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid join pg_type t on t.oid = a.atttypid
        where c.relkind in ('r', 'p') and not c.relispartition and pg_table_is_visible(c.oid)
            and a.attname = 'registration_id' and t.typname = 'int8' and not a.attisdropped order by 1""")
    return tuple(name for (name,) in found if not name.startswith(_ASIDE))
