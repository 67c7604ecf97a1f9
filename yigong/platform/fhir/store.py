"""Writes resources: one, a hundred of a transaction, or a file of many, all by the same set-based way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from django.db import IntegrityError, transaction

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.fhir import db
from yigong.platform.fhir.anchors import PATIENT, anchor, documents_of, place, wanted
from yigong.platform.fhir.bodies import JSON, new_id, read, stamped
from yigong.platform.fhir.callers import Caller, visible
from yigong.platform.fhir.indexing.values import TABLES, Sink, parameter_number
from yigong.platform.fhir.official import compartment, compiled, definitions
from yigong.security.api import SUBJECT, WHO, audit_sql, who

#: types of the index columns, in the order of TABLES
_TYPES = {
    "resource_id": "bigint", "param": "integer", "part": "integer", "system": "bigint", "code": "text", "text": "text",
    "target": "text", "value": "text", "exact": "text", "low": "bigint", "high": "bigint", "unit": "text", "uri": "text",
}  # fmt: skip


@dataclass(slots=True)
class Draft:
    """One write under way; the lower half is filled by ``save``."""

    kind: str
    resource: JSON | None  # None deletes
    fhir_id: str = ""  # empty: the server gives one
    if_match: int | None = None
    if_absent: bool = False  # If-None-Match: *
    may_create: bool = True
    origin: str = "fhir"
    org_code: str | None = None  # None: the caller's
    source_system: str | None = None
    is_new: bool = False  # the id was made here just now, so nothing else bears it
    # what comes of it
    resource_id: int = 0
    version: int = 1
    moment: datetime | None = None
    body: bytes = b""
    number: int = 0
    registration_id: int | None = None
    registered_as: int | None = None  # until now
    others: list[int] | None = None
    outcome: str = "created"  # created updated unchanged deleted absent
    remarks: Sequence[JSON] = ()  # issues that keep nothing out

    def afresh(self) -> None:
        """Forget what came of it, but for the id."""
        self.resource_id, self.version, self.moment, self.body, self.number = 0, 1, None, b"", 0
        self.registration_id, self.registered_as, self.others, self.outcome = None, None, None, "created"

    @property
    def etag(self) -> str:
        """The version as a weak entity tag."""
        return f'W/"{self.version}"'


def save(caller: Caller, drafts: Sequence[Draft], *, publishing: bool = False, noting: bool = False) -> Sequence[Draft]:
    """Write all or nothing; each draft says afterwards what came of it. With *noting* each change is audited.

    Raises Refused fhir.version_conflict, fhir.not_yours, fhir.published, fhir.unindexable, not_permitted.
    """
    named = [d for d in drafts if d.fhir_id and not d.is_new]
    if not named:  # nobody else can write these ids: there is nothing to go back to
        with transaction.atomic(savepoint=False):
            return _save(caller, drafts, named, publishing, noting)
    try:
        with transaction.atomic():
            return _save(caller, drafts, named, publishing, noting)
    except IntegrityError:  # another wrote one of these ids meanwhile: now it is there
        for draft in drafts:
            draft.afresh()
        with transaction.atomic():
            return _save(caller, drafts, [d for d in drafts if d.fhir_id], publishing, noting)


def _save(
    caller: Caller, drafts: Sequence[Draft], named: Sequence[Draft], publishing: bool, noting: bool
) -> Sequence[Draft]:
    _meet(caller, named, publishing)
    fresh = [d for d in drafts if not d.resource_id and d.outcome != "absent"]
    for draft, resource_id in zip(fresh, db.new_ids(len(fresh)) if fresh else [], strict=True):
        draft.resource_id = resource_id
        draft.fhir_id = draft.fhir_id or new_id()
    moment = now()
    for draft in drafts:
        _stamp(draft, moment)
    living = [d for d in drafts if d.outcome in ("created", "updated")]
    sink = indexed(living, caller.base)
    if not publishing:
        anchor(caller, living, sink)
        binaries = [d for d in living if d.kind == "Binary"]
        documents_of(binaries, parameter_number("DocumentReference.location"), caller.ctx.org_code)
    _write(caller, [d for d in drafts if d.outcome in ("created", "updated", "deleted")], sink, noting)
    patients = (d for d in living if d.kind == "Patient")
    if moved := [d.fhir_id for d in patients if d.outcome == "created" or d.registered_as != d.registration_id]:
        adopt(moved, caller.base)
    return drafts


_NAMING = """select r.id, r.type, r.fhir_id, r.version, r.org_code, r.registration_id, r.others, r.body from fhir_resource r
    where r.origin = 'fhir' and not r.deleted and r.type <> 'Patient' and r.id > %(after)s and r.id in (
        select f.resource_id from fhir_reference f where f.target = any(%(targets)s) and f.param = any(%(params)s))
    order by r.id limit 1000 for update of r"""


def adopt(fhir_ids: Sequence[str], base: str) -> int:
    """Anchor what came before its patients as if it had come after them, and have it carried again; how many resources."""
    given = {"targets": [PATIENT + i for i in fhir_ids], "params": list(compartment_numbers()), "after": 0}
    count = 0
    while fhir_ids and (rows := db.rows(_NAMING, given)):
        drafts = [
            Draft(k, read(b.encode()), i, org_code=org, resource_id=n, version=v) for n, k, i, v, org, _, _, b in rows
        ]
        place(drafts, wanted(drafts, indexed(drafts, base)), {}, "")
        before = {row[0]: (row[5], row[6]) for row in rows}
        moved = [d for d in drafts if (d.registration_id, d.others) != before[d.resource_id]]
        _move(moved)
        _carried_for_another([d.resource_id for d in moved if before[d.resource_id][0] is not None])
        count, given["after"] = count + len(moved), rows[-1][0]
    return count


def _move(drafts: Sequence[Draft]) -> None:
    """Write down whose the resources are, and that they wait."""
    if drafts:
        moved = [[d.resource_id, d.version, d.registration_id, _array(d.others)] for d in drafts]
        columns = ("id bigint", "version integer", "registration bigint", "others bigint[]")
        db.do(
            f"""with n as ({_rows("moved", columns)}), changed as (update fhir_resource r
                    set registration_id = n.registration, others = n.others, written = default from n where r.id = n.id)
                insert into fhir_pending (resource_id, version) select id, version from n""",
            {"moved": _json(moved)},
        )


def _carried_for_another(ids: Sequence[int]) -> None:
    """Note that what was made of resources was made for another person (version 0): it is taken back and made again."""
    if ids:
        db.do("update fhir_carried set version = 0 where resource_id = any(%(ids)s)", {"ids": list(ids)})


def _array(values: Sequence[int] | None) -> str | None:
    return "{" + ",".join(map(str, values)) + "}" if values else None


@cache
def compartment_numbers() -> tuple[int, ...]:
    """Numbers of all parameters by which resources of any type lie in a patient's compartment."""
    kinds = [k for k in definitions().patient_compartment if k != "Patient" and k in definitions().parameters]
    return tuple(sorted({n for k in kinds for n in compartment(k)}))


def _meet(caller: Caller, drafts: Sequence[Draft], publishing: bool) -> None:
    """Look up what is there under the ids, lock it, and see whether it may be changed."""
    if not drafts:
        return
    scope = visible(caller, "r")
    sql = f"""select r.type, r.fhir_id, r.id, r.version, r.deleted, r.hash, r.org_code, r.origin, {scope.sql},
            r.registration_id
        from fhir_resource r where (r.type, r.fhir_id) in (select * from unnest(%(kinds)s::text[], %(ids)s::text[]))
        order by r.id for update of r"""
    params = {"kinds": [d.kind for d in drafts], "ids": [d.fhir_id for d in drafts], **scope.params}
    known = {(row[0], row[1]): row[2:] for row in db.rows(sql, params)}
    for draft in drafts:
        found = known.get((draft.kind, draft.fhir_id))
        if found is None:
            _not_there(draft)
        else:
            _there(caller, draft, found, publishing)


def _not_there(draft: Draft) -> None:
    if draft.if_match is not None:
        raise Refused("fhir.version_absent", type=draft.kind, id=draft.fhir_id, given=draft.if_match)
    if draft.resource is None:
        draft.outcome = "absent"
    elif not draft.may_create:
        raise Refused("fhir.not_found", type=draft.kind, id=draft.fhir_id)


def _there(caller: Caller, draft: Draft, found: Sequence[Any], publishing: bool) -> None:
    resource_id, version, deleted, number, org_code, origin, seen, registration_id = found
    if not publishing:
        if not seen:
            raise Refused("fhir.not_yours", type=draft.kind, id=draft.fhir_id)
        if org_code not in caller.ctx.orgs and caller.ctx.purpose != "system":
            raise Refused("fhir.not_yours", type=draft.kind, id=draft.fhir_id)
        if origin != "fhir":
            raise Refused("fhir.published", type=draft.kind, id=draft.fhir_id)
        draft.org_code = org_code
    if draft.if_absent and not deleted:
        raise Refused("fhir.there_already", type=draft.kind, id=draft.fhir_id, present=version)
    if draft.if_match is not None and draft.if_match != version:
        raise Refused("fhir.version_conflict", type=draft.kind, id=draft.fhir_id, given=draft.if_match, present=version)
    draft.resource_id, draft.version, draft.number = resource_id, version, number
    draft.registered_as = registration_id
    if draft.resource is None:
        draft.outcome = "absent" if deleted else "deleted"
        draft.registration_id = registration_id
    else:
        draft.outcome = "revived" if deleted else "updated"


def _stamp(draft: Draft, moment: datetime) -> None:
    """Give the draft its text and version; one that says nothing new stays as it is."""
    draft.moment = moment
    if draft.resource is None:
        draft.version += draft.outcome == "deleted"
        return
    before, there = draft.number, draft.outcome != "created"
    version = draft.version + 1 if there else 1
    draft.body, draft.number = stamped(draft.resource, draft.fhir_id, version, moment)
    if draft.outcome == "updated" and before == draft.number:
        draft.outcome = "unchanged"
        return
    if draft.outcome == "revived":
        draft.outcome = "updated"
    draft.version = version


def indexed(drafts: Sequence[Draft], base: str) -> Sink:
    """The index rows of drafts with ids. Raises Refused fhir.unindexable."""
    sink = Sink(base)
    for draft in drafts:
        sink.resource_id = draft.resource_id
        try:
            compiled(draft.kind).extract(draft.resource or {}, sink)
        except (ValueError, TypeError, AttributeError, KeyError, OverflowError) as error:
            raise Refused("fhir.unindexable", type=draft.kind, id=draft.fhir_id, why=str(error)[:120]) from error
    return sink


def _write(caller: Caller, drafts: Sequence[Draft], sink: Sink, noting: bool) -> None:
    """All rows of all drafts in one statement, and with *noting* the audit of them."""
    if not drafts:
        return
    created = [d for d in drafts if d.outcome == "created"]
    changed = [d for d in drafts if d.outcome != "created"]
    if changed:
        _replace(changed)
    params: dict[str, Any] = {
        "at": drafts[0].moment,
        "made": _json([_values(d, caller) for d in created]),
        "changed": _json([_values(d, caller) for d in changed]),
        "pending": _json([[d.resource_id, d.version] for d in drafts if d.origin == "fhir"]),
        **{name: _json(rows) for name, rows in sink.tables().items()},
    }
    if noting:
        params |= who(caller.ctx)
        params["noted"] = _json([
            ["fhir.delete" if d.outcome == "deleted" else "fhir.write", f"{d.kind}/{d.fhir_id}"[:SUBJECT], d.registration_id]
            for d in drafts
        ])  # fmt: skip
    db.do(_statement(bool(changed), noting), params)


def _json(rows: Sequence[Any]) -> str:
    """Rows as one JSON text: one value to bind, however many there are."""
    return orjson.dumps(rows).decode()


def _values(d: Draft, caller: Caller) -> list[Any]:
    """A draft in the order of _COLUMNS."""
    org = caller.ctx.org_code if d.org_code is None else d.org_code
    system = caller.source_system if d.source_system is None else d.source_system
    others = _array(d.others)
    return [d.resource_id, d.kind, d.fhir_id, d.version, d.resource is None, org, system, d.registration_id, others,
            d.origin, d.body.decode(), d.number]  # fmt: skip


_COLUMNS = ("id bigint", "type text", "fhir_id text", "version integer", "deleted boolean", "org text", "system text",
            "registration bigint", "others bigint[]", "origin text", "body text", "hash bigint")  # fmt: skip


def _rows(name: str, columns: Sequence[str]) -> str:
    """The rows of a bound JSON text as a select; *columns* are names with their types."""
    typed = (f"(e ->> {n})::{kind} as {c}" for n, (c, _, kind) in enumerate(one.partition(" ") for one in columns))
    return f"select {', '.join(typed)} from jsonb_array_elements(%({name})s::jsonb) e"


@cache
def _statement(with_changes: bool, noting: bool) -> str:
    """One statement that writes resources, index rows, what waits, and who did it."""
    parts = [
        f"""made as (insert into fhir_resource (id, type, fhir_id, version, last_updated, deleted, org_code, source_system,
            registration_id, others, origin, body, hash) overriding system value
            select n.id, n.type, n.fhir_id, n.version, %(at)s, n.deleted, n.org, n.system, n.registration,
                n.others, n.origin, n.body, n.hash from ({_rows("made", _COLUMNS)}) n)"""
    ]
    if with_changes:
        parts.append(f"""changed as (update fhir_resource r set version = n.version, last_updated = %(at)s,
            deleted = n.deleted, registration_id = coalesce(n.registration, r.registration_id),
            others = n.others, body = n.body, hash = n.hash, org_code = n.org, written = default
            from ({_rows("changed", _COLUMNS)}) n where r.id = n.id)""")
    for name, columns in TABLES.items():
        every = ("resource_id", *columns)
        kinds = {**_TYPES, **({"low": "double precision", "high": "double precision"} if name == "quantity" else {})}
        typed = [f"{c} {kinds[c]}" for c in every]
        parts.append(f"{name} as (insert into fhir_{name} ({', '.join(every)}) {_rows(name, typed)})")
    if noting:
        act = _rows("noted", ("action text", "subject_id text", "registration_id bigint"))
        by = ", ".join(f"%({name})s::{'bigint' if name == 'actor_id' else 'text'} as {name}" for name in WHO)
        acts = audit_sql(f"select n.*, 'fhir' as subject_kind, {by} from ({act}) n")
        parts.append(f"noted as ({acts})")
    pending = _rows("pending", ("resource_id bigint", "version integer"))
    return f"with {', '.join(parts)} insert into fhir_pending (resource_id, version) {pending}"


def _replace(drafts: Sequence[Draft]) -> None:
    """Put the present version among the old ones and take it out of the indexes."""
    gone = ", ".join(f"g_{name} as (delete from fhir_{name} where resource_id = any(%(ids)s))" for name in TABLES)
    db.do(
        f"""with {gone} insert into fhir_version (resource_id, version, last_updated, deleted, body)
            select id, version, last_updated, deleted, body from fhir_resource where id = any(%(ids)s)""",
        {"ids": [d.resource_id for d in drafts]},
    )
