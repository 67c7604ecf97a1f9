"""Type by type: what arrives as FHIR stands in the data set where the standard has the place, and whole beside it."""

from __future__ import annotations

from typing import Any

import pytest

from yigong.kit.ctx import system
from yigong.platform.empi import api as empi
from yigong.platform.fhir import acts, reading
from yigong.platform.fhir.bodies import read
from yigong.platform.fhir.carrying import carry
from yigong.platform.fhir.models import Carried
from yigong.platform.fhir.tests import desk
from yigong.platform.records import api as records

pytestmark = pytest.mark.django_db
WHEN = "2026-03-01T08:30:00+08:00"
ICD10 = "http://hl7.org/fhir/sid/icd-10"


def _category(system: str, code: str) -> list[dict[str, Any]]:
    return [{"coding": [{"system": f"http://terminology.hl7.org/CodeSystem/{system}", "code": code}]}]


def _vital(code: str, value: float, unit: str) -> dict[str, Any]:
    return desk.observation(
        "p", value, category=_category("observation-category", "vital-signs"), valueQuantity={"value": value, "unit": unit},
        code={"coding": [{"system": "http://loinc.org", "code": code}]},
    )  # fmt: skip


#: type -> (resource, data set, columns that must say so, kind of event)
PLACED: dict[str, tuple[dict[str, Any], str, dict[str, str], str]] = {
    "Observation, laboratory": (desk.observation("p"), "laboratory_test_record", {"laboratory_test_item_code": "2339-0"}, "laboratory"),
    "Observation, vital signs": (_vital("8867-4", 72, "/min"), "vital_signs_record", {"pulse_rate_per_min": "72"}, "examination"),
    "Encounter": (
        {"resourceType": "Encounter", "status": "finished", "identifier": [{"value": "E1"}], "reasonCode": [{"text": "发热"}],
         "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}, "period": {"start": WHEN}},
        "health_event_summary", {"visit_reason": "发热", "patient_type_code": "1"}, "outpatient",
    ),
    "Condition": (
        {"resourceType": "Condition", "category": _category("condition-category", "encounter-diagnosis"), "recordedDate": WHEN,
         "code": {"coding": [{"system": ICD10, "code": "I10"}], "text": "原发性高血压"}},
        "outpatient_record", {"preliminary_diagnosis_western_code": "I10", "preliminary_diagnosis_western_name": "原发性高血压"}, "outpatient",
    ),
    "MedicationRequest": (
        {"resourceType": "MedicationRequest", "status": "active", "intent": "order", "authoredOn": WHEN,
         "medicationCodeableConcept": {"text": "硝苯地平片"}, "groupIdentifier": {"value": "CF1"}},
        "western_prescription", {"medication_name": "硝苯地平片", "prescription_no": "CF1"}, "prescription",
    ),
    "Immunization": (
        {"resourceType": "Immunization", "status": "completed", "occurrenceDateTime": WHEN, "lotNumber": "L1",
         "vaccineCode": {"coding": [{"code": "01"}], "text": "卡介苗"}},
        "vaccination_2009", {"vaccine_lot_no": "L1"}, "vaccination",
    ),
    "Procedure, surgery": (
        {"resourceType": "Procedure", "status": "completed", "performedDateTime": WHEN, "code": {"text": "阑尾切除术"},
         "category": {"coding": [{"system": "http://snomed.info/sct", "code": "387713003"}]}},
        "surgery_record", {"surgery_name": "阑尾切除术"}, "surgery",
    ),
    "Procedure, treatment": (
        {"resourceType": "Procedure", "status": "completed", "performedDateTime": WHEN, "code": {"text": "换药"}},
        "treatment_record", {"procedure_name": "换药"}, "document",
    ),
    "DiagnosticReport, imaging": (
        {"resourceType": "DiagnosticReport", "status": "final", "category": _category("v2-0074", "RAD"), "code": {"text": "胸部 CT"},
         "effectiveDateTime": WHEN, "issued": "2026-03-01T09:00:00+08:00", "conclusion": "未见异常", "identifier": [{"value": "B1"}]},
        "examination_record", {"examination_report_subjective_impression": "未见异常"}, "imaging",
    ),
    "AllergyIntolerance": (
        {"resourceType": "AllergyIntolerance", "recordedDate": WHEN, "code": {"text": "青霉素"}},
        "basic_health_information", {"allergy_history": "青霉素"}, "",
    ),
}  # fmt: skip
#: types and kinds of them that have no place: they are kept whole, and the guide says so
KEPT: dict[str, dict[str, Any]] = {
    "Condition of the problem list": {"resourceType": "Condition", "category": _category("condition-category", "problem-list-item"), "code": {"text": "高血压"}},
    "DiagnosticReport, laboratory": {"resourceType": "DiagnosticReport", "status": "final", "category": _category("v2-0074", "LAB"), "code": {"text": "血常规"}},
    "Observation without category": {k: v for k, v in desk.observation("p").items() if k != "category"},
    "CarePlan": {"resourceType": "CarePlan", "status": "active", "intent": "plan"},
    "Specimen": {"resourceType": "Specimen", "status": "available"},
    "Consent": {"resourceType": "Consent", "status": "active", "scope": {"text": "x"}, "category": [{"text": "x"}], "policyRule": {"text": "x"}},
}  # fmt: skip


def _of(resource: dict[str, Any], patient: str) -> dict[str, Any]:
    subject = "patient" if resource["resourceType"] in ("Immunization", "AllergyIntolerance", "Consent") else "subject"
    return {**resource, subject: {"reference": f"Patient/{patient}"}}


def _arrived(resource: dict[str, Any]) -> tuple[Any, str, dict[str, Any]]:
    """The draft, what became of it, and the resource as it is read again."""
    desk.county()
    caller = desk.caller()
    patient = acts.commit(caller, [acts.creation(caller, "Patient", desk.PATIENT)])[0]
    given = _of(resource, patient.fhir_id)
    draft = acts.commit(caller, [acts.creation(caller, given["resourceType"], given)])[0]
    assert carry() == 2
    found = read(reading.read(caller, draft.kind, draft.fhir_id).body)
    assert {k: v for k, v in found.items() if k not in ("id", "meta")} == given
    return draft, Carried.objects.get(resource_id=draft.resource_id).outcome, found


@pytest.mark.feature("C15", "A05")
@pytest.mark.parametrize("name", PLACED)
def test_what_has_a_place_becomes_a_standard_record(name: str) -> None:
    """A row with what the resource says, an event of the right kind, and the resource itself unchanged."""
    resource, data_set, columns, kind = PLACED[name]
    draft, outcome, _ = _arrived(resource)
    assert outcome == "loaded"
    row = records.model(data_set)._default_manager.values().get()
    assert {c: str(row[c]).removesuffix(".00").removesuffix(".0") for c in columns} == columns
    assert row["registration_id"] == draft.registration_id
    events = records.timeline(system(), empi.current(row["registration_id"]))
    assert [e.kind for e in events] == ([kind] if kind else [])


@pytest.mark.feature("C15")
@pytest.mark.parametrize("name", KEPT)
def test_what_has_no_place_is_kept_whole(name: str) -> None:
    """It is read again as it came, and what became of it is written down."""
    _, outcome, _ = _arrived(KEPT[name])
    assert outcome == "kept"
