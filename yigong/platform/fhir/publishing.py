"""Publishes what the platform has as FHIR resources, set-based; from then on events keep the data set up to date.

Ids are made from the source's own key, so that publishing twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.platform.fhir import building, db, store
from yigong.platform.fhir.bodies import JSON
from yigong.platform.fhir.callers import Caller, platform
from yigong.platform.fhir.identifiers import system_of
from yigong.platform.fhir.mapping import Declaration, mappings
from yigong.platform.fhir.models import Publication
from yigong.platform.fhir.store import Draft
from yigong.platform.fhir.validating import checker
from yigong.platform.records import api as records
from yigong.platform.registry import api as registry
from yigong.security.api import audit, opaque_id

BATCH = 1000


def published() -> dict[str, Declaration]:
    """Data set -> the mapping by which its rows are published."""
    return {m.data_set: m for m in mappings() if m.data_set and m.publish}


def publish(ctx: Ctx, only: Sequence[str] = ()) -> dict[str, int]:
    """Publish institutions, persons, documents and all data sets with a mapping (or *only* these); how many of each."""
    caller = platform()
    done = {"Organization, Location": _save(caller, _institutions()), "Patient": _save(caller, _patients())}
    done["DocumentReference"] = _save(caller, _documents())
    for data_set, mapping in published().items():
        if not only or data_set in only:
            done[data_set] = _save(caller, _records(mapping))
            Publication.objects.update_or_create(data_set=data_set, defaults={"since": now()})
    audit(ctx, "fhir.write", "fhir", "publish", after=done)
    return done


def on_loaded(_event_id: int, facts: Mapping[str, Any]) -> None:
    """Handler of ``records.loaded``: the rows of the batch, if their data set is published."""
    data_set, batch = str(facts.get("data_set", "")), int(facts.get("batch_id") or 0)
    mapping = published().get(data_set)
    if mapping is None or not batch or not Publication.objects.filter(data_set=data_set).exists():
        return
    caller = platform()
    _save(caller, _patients_of(mapping, batch))
    _save(caller, _records(mapping, batch))


def _save(caller: Caller, drafts: Iterator[Draft]) -> int:
    """Write drafts that conform; how many are new or changed."""
    count = 0
    while part := list(islice(drafts, BATCH)):
        good = [d for d in part if d.resource is not None and not _errors(d.resource)]
        with transaction.atomic():
            store.save(caller, good, publishing=True)
        count += sum(d.outcome in ("created", "updated") for d in good)
    return count


def _errors(resource: JSON) -> bool:
    return any(f.severity == "error" for f in checker().check(resource))


# ---- institutions and persons ----


def _institutions() -> Iterator[Draft]:
    for one in registry.institutions():
        yield Draft("Organization", building.organization(one), one.code, origin="registry", org_code=one.code)
        place = building.location(one)
        if place is not None:
            yield Draft("Location", place, f"place-{one.code}", origin="registry", org_code=one.code)


_REGISTRATION = """select g.id, g.org_code, g.source_system, g.local_id, g.full_name, g.sex_code, g.born_on, g.id_no,
        g.health_card_no, g.phone, g.address, g.contact_name, g.contact_phone, g.state
    from empi_registration g where not exists (select 1 from fhir_resource p where p.registration_id = g.id
        and p.type = 'Patient' and p.origin = 'fhir') and {where} order by g.id limit {limit}"""
_NAMES = ("id", "org_code", "source_system", "local_id", "full_name", "sex_code", "born_on", "id_no", "health_card_no",
          "phone", "address", "contact_name", "contact_phone", "state")  # fmt: skip


def _patients(ids: Sequence[int] | None = None) -> Iterator[Draft]:
    """A Patient for each registration that has none of its own."""
    last = 0
    while True:
        where = "g.id > %(last)s" + (" and g.id = any(%(ids)s)" if ids is not None else "")
        sql = _REGISTRATION.format(where=where, limit=BATCH)
        rows = db.rows(sql, {"last": last, "ids": list(ids or ())})
        for values in rows:
            row = dict(zip(_NAMES, values, strict=True))
            resource = building.patient(row, system_of(row["org_code"], row["source_system"]))
            yield _draft("Patient", resource, f"reg-{opaque_id(row['id'])}", row["id"], row, "empi")
        if len(rows) < BATCH:
            return
        last = rows[-1][0]


def _patients_of(mapping: Declaration, batch: int) -> Iterator[Draft]:
    model: Any = records.model(mapping.data_set)
    ids = model.objects.filter(batch_id=batch).values_list("registration_id", flat=True).distinct()
    return _patients(list(ids))


def _draft(kind: str, resource: JSON, fhir_id: str, registration: int, row: Mapping[str, Any], origin: str) -> Draft:
    draft = Draft(kind, resource, fhir_id, origin=origin, org_code=row["org_code"], source_system=row["source_system"])
    draft.registration_id = registration
    return draft


def _patient_ids(registrations: Iterable[int]) -> dict[int, str]:
    """Registration -> logical id of its Patient, its own before the published one."""
    sql = """select registration_id, fhir_id from fhir_resource where type = 'Patient' and not deleted
        and registration_id = any(%(ids)s) order by origin = 'fhir', id"""
    return dict(db.rows(sql, {"ids": list(set(registrations))}))


# ---- records and documents ----


def _records(mapping: Declaration, batch: int | None = None) -> Iterator[Draft]:
    """A resource for each row of a data set that did not come as FHIR itself."""
    model: Any = records.model(mapping.data_set)
    rows = model.objects.order_by("id")
    if batch is not None:
        rows = rows.filter(batch_id=batch)
    prefix, last = mapping.data_set.replace("_", "-"), 0
    while True:
        part = list(rows.filter(id__gt=last).values()[:BATCH])
        known = _patient_ids(r["registration_id"] for r in part)
        for row in part:
            patient = known.get(row["registration_id"])
            if patient and "fhir" not in (row.get("extra") or {}):
                resource = building.resource_of(mapping, row, patient)
                origin = f"records:{mapping.data_set}"
                yield _draft(
                    mapping.resource, resource, f"{prefix}-{opaque_id(row['id'])}", row["registration_id"], row, origin
                )
        if len(part) < BATCH:
            return
        last = part[-1]["id"]


_DOCUMENT = ("id", "registration_id", "document_code", "title", "sha256", "media_type", "size", "org_code", "authored_at",
             "author_name", "set_id")  # fmt: skip


def _documents() -> Iterator[Draft]:
    last = 0
    while True:
        sql = f"select {', '.join(_DOCUMENT)} from records_document where id > %(last)s order by id limit {BATCH}"
        rows = [dict(zip(_DOCUMENT, r, strict=True)) | {"source_system": ""} for r in db.rows(sql, {"last": last})]
        known = _patient_ids(r["registration_id"] for r in rows)
        for row in rows:
            if patient := known.get(row["registration_id"]):
                fhir_id = f"{DOCUMENT}{opaque_id(row['id'])}"
                resource = building.document(row, fhir_id, patient)
                yield _draft("DocumentReference", resource, fhir_id, row["registration_id"], row, "records:document")
        if len(rows) < BATCH:
            return
        last = rows[-1]["id"]


#: how the ids of published documents begin; their bytes are read as Binary under the same id
DOCUMENT = "doc-"

__all__ = ["DOCUMENT", "on_loaded", "publish", "published"]
