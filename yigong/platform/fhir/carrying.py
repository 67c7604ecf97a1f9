"""The second step: what was written becomes standard records through the one waist, and subscribers are told."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import polars as pl
from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx, system
from yigong.platform.exchange import api as exchange
from yigong.platform.fhir import arrival, db, inpatient, subscriptions, telling, withdrawing
from yigong.platform.fhir.bodies import JSON, read
from yigong.platform.fhir.indexing.values import moments
from yigong.platform.fhir.mapping import Declaration, get, mapping_for
from yigong.platform.records import api as records

FEED = "FHIR 资源服务"
PERSON = ("org_code", "source_system", "local_id")
#: sentence of what became of a resource that makes no record
KEPT = {
    "no_mapping": (
        "标准没有这类资源的位置，资源已完整保存",
        "the standard has no place for it, the resource is kept whole",
    ),
    "no_patient": ("资源没有指向已登记的患者", "the resource names no registered patient"),
    "deleted": ("资源已删除，由它形成的标准记录已撤回", "the resource was deleted, and what was made of it taken back"),
    "denied": (
        "资源注明为误录、已取消或未做，不形成标准记录",
        "the resource says that it was entered in error, cancelled or not done, and makes no record",
    ),
}


@dataclass(slots=True)
class Waiting:
    """One resource that waits."""

    resource_id: int
    type: str
    fhir_id: str
    version: int
    deleted: bool
    org_code: str
    source_system: str
    body: bytes
    registration: tuple[str, str, str] | None  # org, system, local id
    facts: Mapping[str, Any] = field(default_factory=dict)  # of the registration
    outcome: str = "kept"
    why: tuple[str, str] = ("", "")
    data_set: str = ""
    key: str = ""  # of the row it makes, or the number of the matter it tells

    @property
    def path(self) -> str:
        """How quarantine calls it."""
        return f"fhir/{self.type}/{self.fhir_id}"


def carry(limit: int = 1000) -> int:
    """Carry what waits; how many resources were done. Several workers may run."""
    with transaction.atomic():
        waiting = _take(limit)
        if waiting:
            _records(system(), waiting)
            encounters = (w.fhir_id for w in waiting if w.type == "Encounter")
            arrival.wake(encounters, [w.resource_id for w in waiting])
            subscriptions.announce([(w.resource_id, w.version) for w in waiting])
            _settle(waiting)
            withdrawing.settle(system(), [w.resource_id for w in waiting])
    return len(waiting)


def _take(limit: int) -> list[Waiting]:
    """The eldest that wait, each resource once in its present version."""
    rows = db.rows(
        """with eldest as (select id, resource_id from fhir_pending order by id limit %(limit)s for update skip locked),
            gone as (delete from fhir_pending p using eldest e where p.id = e.id)
        select r.id, r.type, r.fhir_id, r.version, r.deleted, r.org_code, r.source_system, r.body,
            g.org_code, g.source_system, g.local_id,
            jsonb_build_object('full_name', g.full_name, 'sex_code', g.sex_code, 'born_on', g.born_on,
                'id_type_code', g.id_type_code, 'id_no', g.id_no, 'phone', g.phone, 'address', g.address)::text
        from fhir_resource r left join empi_registration g on g.id = r.registration_id
        where r.id in (select resource_id from eldest) and r.origin = 'fhir' order by r.id""",
        {"limit": limit},
        raw_text=True,
    )
    return [waiting_of(row) for row in rows]


def waiting_of(row: Sequence[Any]) -> Waiting:
    known = tuple(v.decode() for v in row[8:11]) if row[8] is not None else None
    return Waiting(row[0], row[1].decode(), row[2].decode(), row[3], row[4], row[5].decode(), row[6].decode(), row[7],
                   known, json.loads(row[11]) if known else {})  # type: ignore[arg-type]  # fmt: skip


def _records(ctx: Ctx, waiting: Sequence[Waiting]) -> None:
    """Rows of the standard out of all resources that have a place in it."""
    by_set: dict[str, list[tuple[Waiting, Declaration, JSON]]] = defaultdict(list)
    followed: list[tuple[Waiting, JSON]] = []
    present = [(one, read(one.body)) for one in waiting if not one.deleted]
    before = arrival.carried([one.resource_id for one in waiting])
    stays = inpatient.stays([(one.resource_id, resource) for one, resource in present])
    for one in waiting:
        one.why = KEPT["deleted"] if one.deleted else one.why
    for one, body in present:
        stay = stays.get(one.resource_id)
        if stay is not None and not inpatient.is_ordered(body):
            one.why = telling.PROPOSED
            continue
        resource = inpatient.with_stay(body, stay) if stay is not None else body
        mapping = mapping_for(resource)
        one.why = KEPT["no_mapping"] if mapping is None else KEPT["no_patient"]
        if one.type == "Patient":
            one.outcome, one.why = "loaded", ("", "")
        elif mapping is not None and stay is None and telling.is_denied(resource):
            one.why = KEPT["denied"]
        elif mapping is not None and one.registration is not None:
            one.outcome, one.why, one.data_set, one.key = "loaded", ("", ""), mapping.data_set, key_of(one, resource)
            by_set[mapping.data_set].append((one, mapping, resource))
        elif one.type in telling.TYPES and one.registration is not None:
            one.why = ("", "") if telling.is_settled(resource) else telling.PROPOSED
            if telling.is_settled(resource):
                one.outcome, one.key = "loaded", telling.number_of(resource)
                if not arrival.is_told(one, before.get(one.resource_id, arrival.NEVER)):
                    followed.append((one, resource))
    records.withdraw_matters(ctx, arrival.matters_left(waiting, before))
    _taken(ctx, waiting, [*_left(waiting, before), *_batches(by_set), *_matters(followed)])


def _taken(ctx: Ctx, waiting: Sequence[Waiting], batches: Sequence[exchange.StandardBatch]) -> None:
    """Carry the batches in, and note what waits in quarantine."""
    if not batches:
        return
    by_path = {one.path: one for one in waiting}
    for path, zh, en in exchange.take(ctx, FEED, "fhir", batches, list(by_path)).waiting:
        if by_path[path].outcome == "loaded":
            by_path[path].outcome, by_path[path].why = "waiting", (zh, en)


def _left(waiting: Sequence[Waiting], before: Mapping[int, arrival.Before]) -> Iterator[exchange.StandardBatch]:
    """Deletions of what resources said before and say no longer."""
    for data_set, rows in arrival.rows_left(waiting, before).items():
        frame = pl.DataFrame(rows).with_columns(local_id=pl.lit(None, pl.String), event_at=pl.lit(None, pl.String))
        yield exchange.StandardBatch(data_set, frame, pl.DataFrame(), place=FEED)


def _batches(by_set: Mapping[str, Sequence[tuple[Waiting, Declaration, JSON]]]) -> Iterator[exchange.StandardBatch]:
    for data_set, group in by_set.items():
        rows = [row_of(one, mapping, resource) for one, mapping, resource in group]
        yield batch(data_set, rows, [registration_of(one) for one, _, _ in group])


def _matters(followed: Sequence[tuple[Waiting, JSON]]) -> Iterator[exchange.StandardBatch]:
    """What resources tell of orders and appointments, each as it stands, in the order of their writing."""
    if not followed:
        return
    known = dict(telling.states([telling.key_of(one, resource) for one, resource in followed]))
    told = []
    for one, resource in followed:
        key = telling.key_of(one, resource)
        told.append(telling.matter_of(one, resource, known.get(key, ""), *_identity(one), _moment))
        known.setdefault(key, "told")
    people = pl.DataFrame([registration_of(one) for one, _ in followed], infer_schema_length=None).unique(
        list(PERSON), keep="last"
    )
    yield exchange.StandardBatch("", pl.DataFrame(), people.with_columns(_day()), place=FEED, matters=tuple(told))


def batch(
    data_set: str, rows: Sequence[Mapping[str, Any]], people: Sequence[Mapping[str, Any]]
) -> exchange.StandardBatch:
    """Rows with their persons as the waist takes them."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    numbers = {n for n in names if any(isinstance(r.get(n), int | float) for r in rows)}
    schema = {
        n: pl.Datetime("us", "UTC") if n == "event_at" else pl.Float64 if n in numbers else pl.String for n in names
    }
    frame = pl.DataFrame([[row.get(n) for n in names] for row in rows], schema=schema, orient="row")
    registrations = pl.DataFrame(list(people), infer_schema_length=None).unique(list(PERSON), keep="last")
    return exchange.StandardBatch(data_set, frame, registrations.with_columns(_day()), place=FEED)


def _day() -> pl.Expr:
    return pl.col("born_on").cast(pl.String).str.to_date("%Y-%m-%d", strict=False)


def _identity(one: Waiting) -> tuple[str, str]:
    """System and number by which the author's institution knows the person."""
    assert one.registration is not None
    org, system_name, local_id = one.registration
    return (system_name, local_id) if org == one.org_code else (one.source_system, f"{org}:{local_id}")


def registration_of(one: Waiting) -> dict[str, Any]:
    system_name, local_id = _identity(one)
    return {"org_code": one.org_code, "source_system": system_name, "local_id": local_id, **one.facts}


def key_of(one: Waiting, resource: JSON) -> str:
    """The key of the row of a resource: an order of a stay by its number, any other by the resource."""
    return (resource.get(inpatient.STAY) or {}).get("key") or f"{one.type}/{one.fhir_id}"


def row_of(one: Waiting, mapping: Declaration, resource: JSON) -> dict[str, Any]:
    """The standard row of a resource; what has no place goes to ``extra``."""
    system_name, local_id = _identity(one)
    extra = {f.column: f.read(resource) for f in mapping.extra}
    place = f"{one.type}/{one.fhir_id}"
    group = get(resource, mapping.group) if mapping.group else None
    row = {
        "org_code": one.org_code,
        "source_system": one.source_system,
        "person_system": system_name,
        "local_id": local_id,
        "source_key": key_of(one, resource),
        "group_key": str(group) if group else place,
        "encounter_key": str(get(resource, mapping.encounter) or "") if mapping.encounter else "",
        "event_at": _moment(get(resource, mapping.event_at) if mapping.event_at else None),
        "extra": json.dumps({k: v for k, v in extra.items() if v is not None} | {"fhir": place}, ensure_ascii=False),
        "_place": place,
        "_raw": json.dumps({"path": one.path, "text": one.body.decode()}, ensure_ascii=False),
    }
    kinds = _kinds(mapping.data_set)
    for one_field in mapping.fields:
        value = one_field.read(resource)
        if value is not None:
            row.setdefault(one_field.column, _as_column(value, kinds.get(one_field.column, "text")))
    return row


def _kinds(data_set: str) -> dict[str, str]:
    from yigong.standards.api import load

    return {f.identifier: f.kind for f in load().data_sets[data_set].fields}


def _as_column(value: Any, kind: str) -> Any:
    """Moments as the county tells them; numbers as they are."""
    if kind == "number" and isinstance(value, int | float):
        return float(value)
    if kind in ("date", "instant") and isinstance(value, str):
        moment = _moment(value)
        if moment is None:
            return value
        return value[:10] if kind == "date" else moment.isoformat()
    return str(value)


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromtimestamp(moments(str(value))[0] / 1e6, UTC) if value else None
    except (ValueError, OverflowError, OSError):
        return None


def _settle(waiting: Sequence[Waiting]) -> None:
    """Write down what became of each."""
    db.do(
        """insert into fhir_carried (resource_id, version, outcome, data_set, key, reasons, at)
        select * , %(at)s from unnest(%(ids)s::bigint[], %(versions)s::integer[], %(outcomes)s::text[],
            %(sets)s::text[], %(keys)s::text[], %(reasons)s::jsonb[])
        on conflict (resource_id) do update set version = excluded.version, outcome = excluded.outcome,
            data_set = excluded.data_set, key = excluded.key, reasons = excluded.reasons, at = excluded.at""",
        {
            "at": now(),
            "ids": [w.resource_id for w in waiting],
            "versions": [w.version for w in waiting],
            "outcomes": [w.outcome for w in waiting],
            "sets": [w.data_set for w in waiting],
            "keys": [w.key for w in waiting],
            "reasons": [
                json.dumps([{"zh": w.why[0], "en": w.why[1]}] if w.why[0] else [], ensure_ascii=False) for w in waiting
            ],
        },
    )


__all__ = ["Waiting", "batch", "carry", "row_of"]
