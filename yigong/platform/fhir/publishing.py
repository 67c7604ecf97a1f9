"""Publishes what the platform has as FHIR resources, set-based; from then on events keep the data set up to date.

Ids are made from the source's own key, so that publishing twice changes nothing.
"""

from __future__ import annotations

import importlib
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.platform.fhir import building, db, matters, registers, store
from yigong.platform.fhir.bodies import JSON
from yigong.platform.fhir.building import completed
from yigong.platform.fhir.callers import platform
from yigong.platform.fhir.identifiers import system_of
from yigong.platform.fhir.mapping import Declaration, mappings
from yigong.platform.fhir.models import Publication, PublicationState
from yigong.platform.fhir.store import Draft
from yigong.platform.fhir.validating import checker
from yigong.platform.fhir.validation.findings import Finding
from yigong.platform.records import api as records
from yigong.security.api import audit, opaque_id
from yigong.standards.api import load

log = logging.getLogger(__name__)
BATCH = 1000
REGISTERS, PATIENTS, DOCUMENTS, MATTERS = "registers", "patients", "documents", "matters"
#: titles of what other modules lend, by its name in ``wiring.FHIR_PUBLISHERS``
LENT = {"referral": ("转诊", "Referrals")}
_NUMBERED = re.compile(r"\[\d+\]")
#: stands in a lent resource for the reference to its patient
PATIENT = "{patient}"


@dataclass(frozen=True, slots=True)
class Page:
    """Some drafts of a source, and where the next page begins; None after the last one."""

    drafts: list[Draft]
    last: int | None


@dataclass(frozen=True, slots=True)
class Source:
    """What may be published by itself, a page after another."""

    name: str
    title: tuple[str, str]  # Chinese, English
    kinds: str
    page: Callable[[int], Page]


def published() -> dict[str, Declaration]:
    """Data set -> the mapping by which its rows are published."""
    return {m.data_set: m for m in mappings() if m.data_set and m.publish}


def sources() -> dict[str, Source]:
    """All that may be published, by name: registers and persons first, for the others refer to them."""
    found = [
        Source(REGISTERS, ("机构、科室与人员", "Institutions, departments and staff"),
               "Organization, Location, Practitioner, PractitionerRole", _whole(_registers)),
        Source(PATIENTS, ("人员登记", "Registrations of persons"), "Patient", _patient_page),
        Source(DOCUMENTS, ("共享文档", "Shared documents"), "DocumentReference", _document_page),
        Source(MATTERS, ("申请与预约", "Requests and appointments"), "ServiceRequest, Appointment",
               _whole(lambda: matters.drafts(_patient_ids))),
    ]  # fmt: skip
    for name, path in getattr(settings, "FHIR_PUBLISHERS", {}).items():
        found.append(Source(name, LENT.get(name, (name, name)), "ServiceRequest, Task", _whole(_lent(name, path))))
    known = load().data_sets
    for data_set, mapping in published().items():
        title = known[data_set].name_zh, known[data_set].name_en
        found.append(Source(data_set, title, mapping.resource, partial(_record_page, mapping)))
    return {one.name: one for one in found}


def publish(ctx: Ctx, only: Sequence[str] = ()) -> dict[str, int]:
    """Publish all sources at once (of the data sets *only* these); how many resources of each are new or changed."""
    done = {}
    for name, source in sources().items():
        if only and name in published() and name not in only:
            continue
        begin(name)
        done[name] = 0
        for page in pages(source.page):
            written, left = save(page.drafts)
            done[name] += written
            tell(name, written, left)
        Publication.objects.filter(data_set=name).update(state=PublicationState.DONE, ended_at=now())
    audit(ctx, "fhir.write", "fhir", "publish", after=done)
    return done


def pages(page_after: Callable[[int], Page]) -> Iterator[Page]:
    """All pages of a source."""
    last: int | None = 0
    while last is not None:
        page = page_after(last)
        yield page
        last = page.last


def begin(name: str) -> None:
    """From now on events keep it up to date; what was counted of an earlier time is counted anew."""
    Publication.objects.get_or_create(data_set=name)
    Publication.objects.filter(data_set=name, since=None).update(since=now())
    Publication.objects.filter(data_set=name).update(written=0, left_out={})


def _begun(name: str) -> bool:
    return Publication.objects.filter(data_set=name, since__isnull=False).exists()


# ---- what other modules lend ----


@dataclass(frozen=True, slots=True)
class Lent:
    """A resource that another module makes of its own; *resource* None takes it back. The patient stands as ``{patient}``."""

    kind: str
    fhir_id: str
    resource: JSON | None
    registration_id: int
    org_code: str


def _whole(drafts: Callable[[], Iterable[Draft]]) -> Callable[[int], Page]:
    """A source of one page."""
    return lambda _after: Page(list(drafts()), None)


def _registers() -> Iterator[Draft]:
    yield from registers.institutions()
    yield from registers.departments()
    yield from registers.staff()


def _lent(name: str, path: str) -> Callable[[], Iterator[Draft]]:
    """Drafts of what another module lends (``wiring.FHIR_PUBLISHERS``)."""
    module, _sep, function = path.partition(":")
    return lambda: _of_lent(name, getattr(importlib.import_module(module), function)())


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
    save(_patients([one.registration_id for one in resources]))
    return save(_of_lent(name, resources))[0]


def on_staff(_event_id: int, facts: Mapping[str, Any]) -> None:
    """Handler of ``staff.changed``."""
    if _begun(REGISTERS):
        save(registers.staff(pk=facts.get("staff_id")))


def on_institution(_event_id: int, facts: Mapping[str, Any]) -> None:
    """Handler of ``institution.changed``."""
    if _begun(REGISTERS):
        save(registers.institutions([str(facts.get("code"))]))


def on_department(_event_id: int, facts: Mapping[str, Any]) -> None:
    """Handler of ``department.changed``."""
    if _begun(REGISTERS):
        save(registers.departments(org_code=facts.get("org_code"), code=facts.get("code")))


def on_matters(_event_id: int, facts: Mapping[str, Any]) -> None:
    """Handler of ``records.matters_changed``."""
    if _begun(MATTERS):
        ids, registrations = list(facts.get("matter_ids", ())), list(facts.get("registration_ids", ()))
        save(_patients(registrations))
        save(matters.drafts(_patient_ids, ids))


def on_loaded(_event_id: int, facts: Mapping[str, Any]) -> None:
    """Handler of ``records.loaded``: the rows of the batch, if their data set is published."""
    data_set, batch = str(facts.get("data_set", "")), int(facts.get("batch_id") or 0)
    mapping = published().get(data_set)
    if mapping is None or not batch or not _begun(data_set):
        return
    model: Any = records.model(data_set)
    save(_patients(sorted(set(model.objects.filter(batch_id=batch).values_list("registration_id", flat=True)))))
    for page in pages(partial(_record_page, mapping, batch=batch)):
        tell(data_set, *save(page.drafts))


def tell(name: str, written: int, left: Mapping[str, int], **facts: Any) -> None:
    """Add to what is known of a publication: resources written, and those left out by place and rule."""
    with transaction.atomic():
        one = Publication.objects.select_for_update().get(data_set=name)
        one.written += written
        one.left_out = dict(Counter(one.left_out) + Counter(left))
        for field, value in facts.items():
            setattr(one, field, value)
        one.save()


def save(drafts: Iterable[Draft]) -> tuple[int, Counter[str]]:
    """Write drafts that conform; how many are new or changed, and why others were left out, by place and rule.

    What lacks only what the source does not say is completed.
    """
    count, left = 0, Counter[str]()
    waiting = iter(drafts)
    while part := list(islice(waiting, BATCH)):
        good = []
        for draft in part:
            why = _amiss(draft)
            if why:
                left[why] += 1
            else:
                good.append(draft)
        with transaction.atomic():
            store.save(platform(), good, publishing=True)
        count += sum(d.outcome in ("created", "updated", "deleted") for d in good)
    return count, left


def _amiss(draft: Draft) -> str:
    """Why a resource may not be published, as place and rule, without what it says; nothing when it may."""
    if draft.resource is None:
        return ""
    found = _errors(draft.resource)
    if found and all(f.rule == "missing" for f in found):
        found = _errors(completed(draft.resource))
    if not found:
        return ""
    log.warning("not published: %s %s, %s at %s", draft.kind, draft.fhir_id, found[0].rule, found[0].place)
    return f"{_NUMBERED.sub('', found[0].place)} {found[0].rule}"


def _errors(resource: JSON) -> list[Finding]:
    return [f for f in checker().check(resource) if f.severity == "error"]


# ---- persons ----


_REGISTRATION = """select g.id, g.org_code, g.source_system, g.local_id, g.full_name, g.sex_code, g.born_on, g.id_no,
        g.health_card_no, g.phone, g.address, g.contact_name, g.contact_phone, g.state
    from empi_registration g where not exists (select 1 from fhir_resource p where p.registration_id = g.id
        and p.type = 'Patient' and p.origin = 'fhir') and {where} order by g.id limit {limit}"""
_NAMES = ("id", "org_code", "source_system", "local_id", "full_name", "sex_code", "born_on", "id_no", "health_card_no",
          "phone", "address", "contact_name", "contact_phone", "state")  # fmt: skip


def _patient_page(after: int, ids: Sequence[int] | None = None) -> Page:
    """A Patient for each registration that has none of its own."""
    where = "g.id > %(last)s" + (" and g.id = any(%(ids)s)" if ids is not None else "")
    rows = db.rows(_REGISTRATION.format(where=where, limit=BATCH), {"last": after, "ids": list(ids or ())})
    drafts = []
    for values in rows:
        row = dict(zip(_NAMES, values, strict=True))
        resource = building.patient(row, system_of(row["org_code"], row["source_system"]))
        drafts.append(_draft("Patient", resource, f"reg-{opaque_id(row['id'])}", row["id"], row, "empi"))
    return Page(drafts, rows[-1][0] if len(rows) == BATCH else None)


def _patients(ids: Sequence[int]) -> Iterator[Draft]:
    """The Patients of some registrations."""
    for page in pages(partial(_patient_page, ids=ids)):
        yield from page.drafts


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


def _record_page(mapping: Declaration, after: int, batch: int | None = None) -> Page:
    """A resource for each row of a data set that did not come as FHIR itself; Patients that it needs are published first."""
    model: Any = records.model(mapping.data_set)
    rows = model.objects.order_by("id").filter(id__gt=after)
    part = list((rows if batch is None else rows.filter(batch_id=batch)).values()[:BATCH])
    known = _patient_ids(r["registration_id"] for r in part)
    if lacking := {r["registration_id"] for r in part} - known.keys():
        save(_patients(sorted(lacking)))
        known |= _patient_ids(lacking)
    prefix, drafts = mapping.data_set.replace("_", "-"), []
    for row in part:
        patient = known.get(row["registration_id"])
        if patient and "fhir" not in (row.get("extra") or {}):
            resource = building.resource_of(mapping, row, patient)
            fhir_id, origin = f"{prefix}-{opaque_id(row['id'])}", f"records:{mapping.data_set}"
            drafts.append(_draft(mapping.resource, resource, fhir_id, row["registration_id"], row, origin))
    return Page(drafts, part[-1]["id"] if len(part) == BATCH else None)


_DOCUMENT = ("id", "registration_id", "document_code", "title", "sha256", "media_type", "size", "org_code", "authored_at",
             "author_name", "set_id")  # fmt: skip


def _document_page(after: int) -> Page:
    sql = f"select {', '.join(_DOCUMENT)} from records_document where id > %(last)s order by id limit {BATCH}"
    rows = [dict(zip(_DOCUMENT, r, strict=True)) | {"source_system": ""} for r in db.rows(sql, {"last": after})]
    known = _patient_ids(r["registration_id"] for r in rows)
    drafts = []
    for row in rows:
        if patient := known.get(row["registration_id"]):
            fhir_id = f"{DOCUMENT}{opaque_id(row['id'])}"
            resource = building.document(row, fhir_id, patient)
            drafts.append(
                _draft("DocumentReference", resource, fhir_id, row["registration_id"], row, "records:document")
            )
    return Page(drafts, rows[-1]["id"] if len(rows) == BATCH else None)


#: how the ids of published documents begin; their bytes are read as Binary under the same id
DOCUMENT = "doc-"

__all__ = ["DOCUMENT", "PATIENT", "Lent", "lend", "on_loaded", "publish", "published"]
