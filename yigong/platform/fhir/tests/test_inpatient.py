"""Requests of a stay become rows of the inpatient orders; those of a visit stay what they were."""

from __future__ import annotations

from typing import Any

import pytest

from yigong.platform.fhir import carrying, db
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.desk import PATIENT, Api
from yigong.platform.fhir.tests.test_telling import matters, order

ROWS = """select source_key, inpatient_no, department_name, electronic_request_no, order_item_type_code, order_item_content,
    order_issuer_signature, order_execution_status, version from records_inpatient_order order by source_key"""


@pytest.fixture
def api(db: None) -> Api:
    """A program of the hospital."""
    desk.county()
    return Api(desk.application())


def encounter(api: Api, patient: str, kind: str) -> str:
    """An Encounter of a class; its id."""
    body: dict[str, Any] = {
        "resourceType": "Encounter", "status": "in-progress", "subject": {"reference": f"Patient/{patient}"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": kind},
        "identifier": [{"type": {"text": "住院号"}, "value": "ZY7"}], "serviceType": {"text": "心内科"},
        "period": {"start": "2026-03-01T08:00:00+08:00"},
    }  # fmt: skip
    return str(api.post("Encounter", body)["id"])


def medicine(patient: str, **facts: Any) -> dict[str, Any]:
    """An order of aspirin."""
    return {
        "resourceType": "MedicationRequest", "status": "active", "intent": "order", "subject": {"reference": f"Patient/{patient}"},
        "identifier": [{"system": "urn:his", "value": "Y-2"}], "medicationCodeableConcept": {"text": "阿司匹林肠溶片"},
        "authoredOn": "2026-03-01T09:00:00+08:00", "requester": {"display": "张明"}, **facts,
    }  # fmt: skip


@pytest.mark.feature("C15")
def test_requests_of_a_stay_are_inpatient_orders(api: Api) -> None:
    """Laboratory and medicine, each under the number its sender follows it up by; a later status is the next version of the row."""
    patient = api.post("Patient", PATIENT)["id"]
    stay = {"encounter": {"reference": f"Encounter/{encounter(api, patient, 'IMP')}"}}
    category = [{"coding": [{"system": "http://snomed.info/sct", "code": "108252007"}]}]
    blood = order(patient, category=category, **stay)
    made = api.post("ServiceRequest", blood)["id"]
    api.post("MedicationRequest", medicine(patient, **stay))
    carrying.carry()
    assert db.rows(ROWS) == [
        ("Y-1", "ZY7", "心内科", "Y-1", "03", "血常规", "张明", "待执行", 1),
        ("Y-2", "ZY7", "心内科", "Y-2", "01", "阿司匹林肠溶片", "张明", "待执行", 1),
    ]
    assert matters() == [] and db.rows("select count(*) from records_western_prescription") == [(0,)]
    api.put(f"ServiceRequest/{made}", {**blood, "id": made, "status": "completed"}, status=200)
    carrying.carry()
    assert db.rows(ROWS)[0][-2:] == ("已完成", 2)
    assert db.rows("select distinct outcome from fhir_carried") == [("loaded",)]


@pytest.mark.feature("C15")
@pytest.mark.parametrize("kind", ["AMB", "EMER", ""])
def test_requests_of_a_visit_are_what_they_were(api: Api, kind: str) -> None:
    """Of outpatients and without an Encounter: a matter and a line of a prescription."""
    patient = api.post("Patient", PATIENT)["id"]
    visit = {"encounter": {"reference": f"Encounter/{encounter(api, patient, kind)}"}} if kind else {}
    api.post("ServiceRequest", order(patient, **visit))
    api.post("MedicationRequest", medicine(patient, **visit))
    carrying.carry()
    assert db.rows(ROWS) == [] and [m[:2] for m in matters()] == [("order", "Y-1")]
    assert db.rows("select count(*) from records_western_prescription") == [(1,)]


@pytest.mark.feature("C15")
def test_what_is_only_proposed_in_a_stay_waits(api: Api) -> None:
    """A draft and a proposal are kept whole and become rows once they are ordered."""
    patient = api.post("Patient", PATIENT)["id"]
    stay = {"encounter": {"reference": f"Encounter/{encounter(api, patient, 'IMP')}"}}
    api.post("ServiceRequest", order(patient, intent="proposal", **stay))
    made = api.post("MedicationRequest", medicine(patient, status="draft", **stay))["id"]
    carrying.carry()
    assert db.rows(ROWS) == [] and matters() == []
    api.put(f"MedicationRequest/{made}", {**medicine(patient, **stay), "id": made}, status=200)
    carrying.carry()
    assert [row[0] for row in db.rows(ROWS)] == ["Y-2"]


@pytest.mark.feature("C15")
def test_the_stay_of_another_person_does_not_count(api: Api) -> None:
    """A request that names somebody else's Encounter gets nothing of that stay."""
    one = api.post("Patient", PATIENT)["id"]
    named = {"identifier": [{"system": "urn:other", "value": "Q9"}], "name": [{"text": "李四"}]}
    other = api.post("Patient", {**{k: v for k, v in PATIENT.items() if k not in ("id", "identifier")}, **named})["id"]
    assert one != other
    api.post("ServiceRequest", order(one, encounter={"reference": f"Encounter/{encounter(api, other, 'IMP')}"}))
    carrying.carry()
    assert db.rows(ROWS) == [] and len(matters()) == 1
