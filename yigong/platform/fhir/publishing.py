"""Publishes what the platform has as FHIR resources, set-based; from then on events keep the data set up to date.

Ids are made from the source's own key, so that publishing twice changes nothing.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.platform.fhir import building, db, matters, registers, store
from yigong.platform.fhir.bodies import JSON
from yigong.platform.fhir.building import completed
from yigong.platform.fhir.callers import Caller, platform
from yigong.platform.fhir.identifiers import system_of
from yigong.platform.fhir.mapping import Declaration, mappings
from yigong.platform.fhir.models import Publication
from yigong.platform.fhir.store import Draft
from yigong.platform.fhir.validating import checker
from yigong.platform.fhir.validation.findings import Finding
from yigong.platform.records import api as records
from yigong.security.api import audit, opaque_id

log = logging.getLogger(__name__)
BATCH = 1000
#: stands in a lent resource for the reference to its patient
PATIENT = "{patient}"


def published() -> dict[str, Declaration]:
    """Data set -> the mapping by which its rows are published."""
    return {m.data_set: m for m in mappings() if m.data_set and m.publish}


def publish(ctx: Ctx, only: Sequence[str] = ()) -> dict[str, int]:
    """Publish institutions, persons, documents and all data sets with a mapping (or *only* these); how many of each."""
    caller = platform()
    done = {"Organization, Location": _save(caller, registers.institutions()), "Patient": _save(caller, _patients())}
    done["Location"] = _save(caller, registers.departments())
    done["Practitioner, PractitionerRole"] = _save(caller, registers.staff())
    _begin("registers")
    done["DocumentReference"] = _save(caller, _documents())
    done["ServiceRequest, Appointment"] = _save(caller, matters.drafts(_patient_ids))
    _begin("matters")
    for name, drafts in _lent():
        done[name] = _save(caller, drafts)
        _begin(name)
    for data_set, mapping in published().items():
        if not only or data_set in only:
            done[data_set] = _save(caller, _records(mapping))
            _begin(data_set)
    audit(ctx, "fhir.write", "fhir", "publish", after=done)
    return done


def _begin(name: str) -> None:
    """From now on events keep it up to date."""
    Publication.objects.update_or_create(data_set=name, defaults={"since": now()})


def _begun(name: str) -> bool:
    return Publication.objects.filter(data_set=name).exists()


# ---- what other modules lend ----


@dataclass(frozen=True, slots=True)
class Lent:
    """A resource that another module makes of its own; *resource* None takes it back. The patient stands as ``{patient}``."""

    kind: str
    fhir_id: str
    resource: JSON | None
    registration_id: int
    org_code: str


def _lent() -> Iterator[tuple[str, Iterator[Draft]]]:
    """Name and drafts of each module that lends resources (``wiring.FHIR_PUBLISHERS``)."""
    for name, path in getattr(settings, "FHIR_PUBLISHERS", {}).items():
        module, _sep, function = path.partition(":")
        yield name, _of_lent(name, getattr(importlib.import_module(module), function)())


def _of_lent(name: str, given: Iterable[Lent]) -> Iterator[Draft]:
    waiting = iter(given)
    while part := list(islice(waiting, BATCH)):
        known = _patient_ids(one.registration_id for one in part)
        for one in part:
            patient = known.get(one.registration_id)
            if patient is None:
                continue
            resource = _with_patient(one.resource, f"Patient/{patient}") if one.resource else None
            draft = Draft(one.kind, resource, one.fhir_id, origin=name, org_code=one.org_code, source_system=name)
            draft.registration_id = one.registration_id
            yield draft


def _with_patient(value: Any, patient: str) -> Any:
    if isinstance(value, dict):
        return {k: _with_patient(v, patient) for k, v in value.items()}
    if isinstance(value, list):
        return [_with_patient(v, patient) for v in value]
    return patient if value == PATIENT else value


def lend(name: str, resources: Sequence[Lent]) -> int:
    """Bring the resources of another module up to date, once they are published; how many changed."""
    if not _begun(name):
        return 0
    _save(platform(), _patients([one.registration_id for one in resources]))
    return _save(platform(), _of_lent(name, resources))


def on_staff(_event_id: int, facts: Mapping[str, Any]) -> None:
    """Handler of ``staff.changed``."""
    if _begun("registers"):
        _save(platform(), registers.staff(pk=facts.get("staff_id")))


def on_institution(_event_id: int, facts: Mapping[str, Any]) -> None:
    """Handler of ``institution.changed``."""
    if _begun("registers"):
        _save(platform(), registers.institutions([str(facts.get("code"))]))


def on_department(_event_id: int, facts: Mapping[str, Any]) -> None:
    """Handler of ``department.changed``."""
    if _begun("registers"):
        _save(platform(), registers.departments(org_code=facts.get("org_code"), code=facts.get("code")))


def on_matters(_event_id: int, facts: Mapping[str, Any]) -> None:
    """Handler of ``records.matters_changed``."""
    if _begun("matters"):
        ids, registrations = list(facts.get("matter_ids", ())), list(facts.get("registration_ids", ()))
        _save(platform(), _patients(registrations))
        _save(platform(), matters.drafts(_patient_ids, ids))


def on_loaded(_event_id: int, facts: Mapping[str, Any]) -> None:
    """Handler of ``records.loaded``: the rows of the batch, if their data set is published."""
    data_set, batch = str(facts.get("data_set", "")), int(facts.get("batch_id") or 0)
    mapping = published().get(data_set)
    if mapping is None or not batch or not _begun(data_set):
        return
    caller = platform()
    _save(caller, _patients_of(mapping, batch))
    _save(caller, _records(mapping, batch))


def _save(caller: Caller, drafts: Iterator[Draft]) -> int:
    """Write drafts that conform; how many are new or changed. What lacks only what the source does not say is completed."""
    count = 0
    while part := list(islice(drafts, BATCH)):
        good = [d for d in part if d.resource is None or _conforms(d)]
        with transaction.atomic():
            store.save(caller, good, publishing=True)
        count += sum(d.outcome in ("created", "updated", "deleted") for d in good)
    return count


def _conforms(draft: Draft) -> bool:
    """Whether a resource may be published; one that may not is told in the log by type and rule, without what it says."""
    assert draft.resource is not None
    found = _errors(draft.resource)
    if found and all(f.rule == "missing" for f in found):
        found = _errors(completed(draft.resource))
    if found:
        log.warning("not published: %s %s, %s at %s", draft.kind, draft.fhir_id, found[0].rule, found[0].place)
    return not found


def _errors(resource: JSON) -> list[Finding]:
    return [f for f in checker().check(resource) if f.severity == "error"]


# ---- persons ----


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

__all__ = ["DOCUMENT", "PATIENT", "Lent", "lend", "on_loaded", "publish", "published"]
