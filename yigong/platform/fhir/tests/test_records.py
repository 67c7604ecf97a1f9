"""What arrives as FHIR becomes standard records through the waist, and says what became of it."""

from __future__ import annotations

from typing import Any

import pytest

from yigong.kit.ctx import system
from yigong.platform.empi import api as empi
from yigong.platform.empi.models import Registration
from yigong.platform.fhir import acts
from yigong.platform.fhir.carrying import carry
from yigong.platform.fhir.models import Carried, Pending, Resource
from yigong.platform.fhir.tests import desk
from yigong.platform.records import api as records


def write(caller: Any, resource: dict[str, Any]) -> Any:
    """Create a resource."""
    return acts.commit(caller, [acts.creation(caller, resource["resourceType"], resource)])[0]


@pytest.mark.django_db
@pytest.mark.feature("C15", "A05")
def test_a_laboratory_result_is_a_standard_record_and_an_event() -> None:
    """A result of a registered patient is a row of the data set, an event of the person's history, and stays whole."""
    desk.county()
    caller = desk.caller()
    patient = write(caller, desk.PATIENT)
    made = write(caller, desk.observation(patient.fhir_id, interpretation=[{"coding": [{"code": "H"}]}],
                                          referenceRange=[{"text": "3.9-6.1"}]))  # fmt: skip
    assert carry() == 2 and not Pending.objects.exists() and carry() == 0
    row = records.model("laboratory_test_record").objects.get()
    assert float(row.laboratory_test_quantitative_result) == 5.6 and row.laboratory_test_item_code == "2339-0"
    assert row.extra["loinc"] == "2339-0" and row.extra["reference_range"] == "3.9-6.1"
    assert row.registration_id == made.registration_id == Registration.objects.get().pk
    person = empi.current(row.registration_id)
    events = records.timeline(system(), person)
    assert [e.kind for e in events] == ["laboratory"]
    assert Carried.objects.get(resource_id=made.resource_id).outcome == "loaded"


@pytest.mark.django_db
@pytest.mark.feature("C15")
def test_what_the_standard_has_no_place_for_is_kept() -> None:
    """A care plan is kept whole; a result without a moment waits in quarantine with its reason."""
    desk.county()
    caller = desk.caller()
    patient = write(caller, desk.PATIENT)
    plan = {
        "resourceType": "CarePlan",
        "status": "active",
        "intent": "plan",
        "subject": {"reference": f"Patient/{patient.fhir_id}"},
    }
    kept = write(caller, plan)
    timeless = desk.observation(patient.fhir_id)
    del timeless["effectiveDateTime"]
    waiting = write(caller, timeless)
    carry()
    assert Carried.objects.get(resource_id=kept.resource_id).outcome == "kept"
    told = Carried.objects.get(resource_id=waiting.resource_id)
    assert told.outcome == "waiting" and told.reasons[0]["zh"]


@pytest.mark.django_db
@pytest.mark.feature("C15")
def test_what_came_before_its_patient_is_adopted() -> None:
    """A result that names a patient not yet here belongs to the person as soon as the patient arrives."""
    desk.county()
    caller = desk.caller()
    early = write(caller, desk.observation("later"))
    assert early.registration_id is None
    acts.commit(caller, [acts.change(caller, "Patient", "later", {**desk.PATIENT, "id": "later"})])
    assert Resource.objects.get(pk=early.resource_id).registration_id == Registration.objects.get().pk
