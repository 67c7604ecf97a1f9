"""The order in which resources arrive leaves no trace in the records."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import transaction

from yigong.platform.fhir import carrying, db
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.desk import PATIENT, Api, observation
from yigong.platform.fhir.tests.test_inpatient import ROWS, medicine
from yigong.platform.fhir.tests.test_telling import appointment, matters, order

IMAGING = {"category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v2-0074", "code": "RAD"}]}]}
OTHER = {
    "identifier": [{"system": "urn:other", "value": "Q9"}],
    "name": [{"text": "李四"}],
    "gender": "male",
    "birthDate": "1970-01-01",
}


@pytest.fixture
def api(db: None) -> Api:
    """A program of the hospital."""
    desk.county()
    return Api(desk.application())


def _encounter(kind: str) -> dict[str, Any]:
    return {
        "resourceType": "Encounter", "status": "in-progress", "subject": {"reference": "Patient/P1"}, "serviceType": {"text": "心内科"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": kind},
        "identifier": [{"type": {"text": "住院号"}, "value": f"ZY-{kind}"}], "period": {"start": "2026-03-01T08:00:00+08:00"},
    }  # fmt: skip


def _number(value: str) -> list[dict[str, str]]:
    return [{"system": "urn:his", "value": value}]


STAY, VISIT = ({"encounter": {"reference": f"Encounter/{one}"}} for one in ("E-IMP", "E-AMB"))
PRACTITIONER = {"resourceType": "Practitioner", "name": [{"text": "张明"}], "identifier": _number("D-1")}
RESOURCES: dict[str, dict[str, Any]] = {
    "Patient/P1": PATIENT,
    "Patient/P2": PATIENT | OTHER,
    "Practitioner/D1": PRACTITIONER,
    "Encounter/E-IMP": _encounter("IMP"),
    "Encounter/E-AMB": _encounter("AMB"),
    "Condition/C1": {
        "resourceType": "Condition", "subject": {"reference": "Patient/P1"}, "code": {"text": "高血压"}, "recordedDate": "2026-03-01T09:00:00+08:00",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "encounter-diagnosis"}]}], **VISIT,
    },
    "ServiceRequest/S-STAY": order("P1", identifier=_number("Y-1"), requester={"reference": "Practitioner/D1", "display": "张明"}, **STAY),
    "ServiceRequest/S-VISIT": order("P1", identifier=_number("Y-3"), **VISIT),
    "ServiceRequest/S-DONE": order("P1", identifier=_number("Y-4"), status="completed", **STAY),
    "MedicationRequest/M-STAY": medicine("P1", **STAY),
    "MedicationRequest/M-VISIT": medicine("P1", identifier=_number("Y-5"), **VISIT),
    "MedicationRequest/M-DRAFT": medicine("P1", identifier=_number("Y-6"), status="draft", **STAY),
    "Observation/O1": observation("P1", basedOn=[{"reference": "ServiceRequest/S-VISIT"}], performer=[{"reference": "Practitioner/D1"}], **VISIT),
    "DiagnosticReport/R1": {
        "resourceType": "DiagnosticReport", "status": "final", "code": {"text": "胸部正位片"}, "subject": {"reference": "Patient/P1"}, "conclusion": "未见异常",
        "identifier": _number("R-1"), "effectiveDateTime": "2026-03-01T10:00:00+08:00", "result": [{"reference": "Observation/O1"}], **IMAGING, **VISIT,
    },
    "Appointment/A1": appointment("P1", participant=[{"actor": {"reference": f"Patient/{p}"}, "status": "accepted"} for p in ("P2", "P1")]),
    "DocumentReference/F1": {
        "resourceType": "DocumentReference", "status": "current", "subject": {"reference": "Patient/P1"}, "content": [{"attachment": {"url": "Binary/B1"}}],
    },
    "Binary/B1": {"resourceType": "Binary", "contentType": "text/plain", "data": "5paH5pys"},
}  # fmt: skip
#: what only tells when something was done, or under which number of our own
ASIDE = {
    "id",
    "batch_id",
    "loaded_at",
    "extracted_at",
    "registration_id",
    "document_id",
    "version",
    "row_hash",
    "changed_at",
    "said_at",
    "moves",
    "updated_at",
}


class _Undone(Exception):
    """Ends a trial and takes it back."""


def _arrived(api: Api, names: list[str], carried: set[int]) -> dict[str, list[str]]:
    """What stands when resources came in this order, carried after some of them."""
    for at, name in enumerate(names):
        _kind, _, fhir_id = name.partition("/")
        api.put(name, {**RESOURCES[name], "id": fhir_id}, status=201)
        if at in carried:
            carrying.carry()
    while carrying.carry():
        pass
    return _standing()


def _standing() -> dict[str, list[str]]:
    """Records, events, matters and whose each resource is, without the marks of time."""
    tables = [
        r[0]
        for r in db.rows(
            "select tablename from pg_tables where tablename like 'records\\_%%' and schemaname = 'public'", {}
        )
    ]
    found = {}
    for table in sorted(tables):
        if "version" in table or "overtak" in table or "said" in table:
            continue
        gone = ", ".join(f"'{name}'" for name in sorted(ASIDE))
        people = "left join empi_registration g on g.id = r.registration_id" if _has_person(table) else ""
        whose = "coalesce(g.local_id, '')" if people else "''"
        rows = db.rows(f"select {whose} || (to_jsonb(r) - array[{gone}])::text from {table} r {people}", {})
        found[table] = sorted(row[0] for row in rows)
    found["verbs"] = sorted(
        str(r) for r in db.rows("select number, m ->> 'verb' from records_matter, jsonb_array_elements(moves) m", {})
    )
    found["resources"] = sorted(
        str(r)
        for r in db.rows(
            """select r.type, r.fhir_id, g.local_id, (select array_agg(o.local_id) from empi_registration o where o.id = any(r.others)),
                c.outcome, c.data_set from fhir_resource r left join empi_registration g on g.id = r.registration_id
                left join fhir_carried c on c.resource_id = r.id""", {},
        )
    )  # fmt: skip
    return {name: rows for name, rows in found.items() if rows}


def _has_person(table: str) -> bool:
    sql = "select 1 from information_schema.columns where table_name = %(table)s and column_name = 'registration_id'"
    return bool(db.rows(sql, {"table": table}))


def _tried(api: Api, names: list[str], carried: set[int]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    try:
        with transaction.atomic():
            found = _arrived(api, names, carried)
            raise _Undone
    except _Undone:
        return found


@pytest.mark.feature("C15")
def test_any_order_of_arrival_ends_in_the_same_records(api: Api) -> None:
    """Seventeen resources in ten random orders, carried at random moments: records, events, matters, persons are the same."""
    first = _tried(api, list(RESOURCES), set())
    assert len(first["records_inpatient_order"]) == 3 and len(first["records_matter"]) == 2
    for seed in range(10):
        draw = random.Random(seed)
        names = draw.sample(list(RESOURCES), len(RESOURCES))
        carried = {at for at in range(len(names)) if draw.random() < 0.5}
        assert _tried(api, names, carried) == first, (seed, names, carried)


@pytest.mark.feature("C15")
def test_an_encounter_that_comes_late_makes_inpatient_orders(api: Api) -> None:
    """A request kept as a matter and one kept as a prescription become rows of the stay; when the class changes, they go back."""
    api.put("Patient/P1", {**PATIENT, "id": "P1"}, status=201)
    for name in ("ServiceRequest/S-STAY", "MedicationRequest/M-STAY"):
        api.put(name, {**RESOURCES[name], "id": name.partition("/")[2]}, status=201)
    carrying.carry()
    prescriptions = "select count(*) from records_western_prescription"
    assert (len(matters()), db.rows(prescriptions), db.rows(ROWS)) == (1, [(1,)], [])
    api.put("Encounter/E-IMP", {**_encounter("IMP"), "id": "E-IMP"}, status=201)
    while carrying.carry():
        pass
    assert (len(matters()), db.rows(prescriptions), [r[:2] for r in db.rows(ROWS)]) == (
        0,
        [(0,)],
        [("Y-1", "ZY-IMP"), ("Y-2", "ZY-IMP")],
    )
    api.put("Encounter/E-IMP", {**_encounter("AMB"), "id": "E-IMP"}, status=200)
    while carrying.carry():
        pass
    assert (len(matters()), db.rows(prescriptions), db.rows(ROWS)) == (1, [(1,)], [])
