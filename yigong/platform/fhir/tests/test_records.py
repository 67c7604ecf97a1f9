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


def _hospital_row() -> None:
    """A laboratory result that came from the hospital's own database, not as FHIR."""
    import polars as pl

    from yigong.platform.exchange import api as exchange

    row = {
        "org_code": desk.HOSPITAL, "source_system": "LIS", "person_system": "LIS", "local_id": "P1", "source_key": "R1|GLU",
        "group_key": "R1", "encounter_key": "", "event_at": "2026-03-01T08:30:00+08:00", "laboratory_test_item_code": "GLU",
        "laboratory_test_quantitative_result": "5.60", "laboratory_test_quantitative_result_unit": "mmol/L",
        "laboratory_test_report_result": "正常", "extra": '{"item_name": "葡萄糖", "loinc": "2339-0", "reference_range": "3.9-6.1"}',
    }  # fmt: skip
    person = {
        "org_code": desk.HOSPITAL,
        "source_system": "LIS",
        "local_id": "P1",
        "full_name": "王秀兰",
        "sex_code": "2",
    }
    batch = exchange.StandardBatch("laboratory_test_record", pl.DataFrame([row]), pl.DataFrame([person]))
    exchange.take(system(), "检验", "csv", [batch])


@pytest.mark.django_db
@pytest.mark.feature("C15", "A05")
def test_records_are_published_as_resources() -> None:
    """Rows of the platform are found and read as FHIR within reach, once; later rows follow by event; they are not written by FHIR."""
    from yigong.outbox.api import dispatch
    from yigong.platform.fhir.publishing import publish

    desk.county()
    _hospital_row()
    assert publish(system())["laboratory_test_record"] == 1
    assert publish(system())["laboratory_test_record"] == 0
    api, clinic = desk.Api(desk.application()), desk.Api(desk.application(desk.CLINIC))
    found = api.get("Observation?code=http://loinc.org|2339-0&value-quantity=5.6&_include=Observation:patient")
    result, patient = (e["resource"] for e in found["entry"])
    assert b'"value":5.60' in api.last.content or result["valueQuantity"]["value"] == 5.6
    assert (
        result["status"] == "final"
        and result["code"]["text"] == "葡萄糖"
        and result["referenceRange"] == [{"text": "3.9-6.1"}]
    )
    assert (
        patient["name"][0]["text"] == "王秀兰"
        and patient["managingOrganization"]["reference"] == f"Organization/{desk.HOSPITAL}"
    )
    assert clinic.get("Observation")["total"] == 0 and clinic.get("Organization")["total"] == 2
    api.put(f"Observation/{result['id']}", result, 403)
    _hospital_row()
    records.model("laboratory_test_record").objects.update(laboratory_test_quantitative_result=7)
    row = records.model("laboratory_test_record").objects.get()
    from yigong.platform.fhir.publishing import on_loaded

    on_loaded(1, {"data_set": "laboratory_test_record", "batch_id": row.batch_id})
    assert api.get(f"Observation/{result['id']}")["meta"]["versionId"] == "2"
    while dispatch():
        pass


@pytest.mark.django_db
@pytest.mark.feature("B03", "B02")
def test_documents_are_found_and_fetched_as_mhd(tmp_path: Any, settings: Any) -> None:
    """A stored document is a DocumentReference; its attachment is the original bytes, within reach only."""
    from yigong.platform.fhir.publishing import publish

    settings.LOCAL = tmp_path
    desk.county()
    _hospital_row()
    registration = Registration.objects.get()
    facts = {"registration_id": registration.pk, "document_code": "C0007", "title": "检验记录", "media_type": "application/xml",
             "org_code": desk.HOSPITAL, "authored_at": None, "author_name": "周医师", "set_id": "S1"}  # fmt: skip
    records.save_document(system(), b"<ClinicalDocument/>", facts)
    publish(system())
    api, clinic = desk.Api(desk.application()), desk.Api(desk.application(desk.CLINIC))
    found = api.get("DocumentReference?patient.identifier=P1&status=current")["entry"][0]["resource"]
    url = found["content"][0]["attachment"]["url"]
    answer = api.client.get(f"/fhir/r4/{url}")
    assert answer.content == b"<ClinicalDocument/>" and answer["Content-Type"] == "application/xml"
    assert api.get(url, accept="application/fhir+json")["resourceType"] == "Binary"
    assert clinic.client.get(f"/fhir/r4/{url}").status_code == 404


@pytest.mark.django_db
@pytest.mark.feature("C15")
def test_provide_documents_as_mhd() -> None:
    """ITI-65: a transaction of submission set, reference and content; the attachment then points to the stored Binary."""
    desk.county()
    api = desk.Api(desk.application())
    patient = api.post("Patient", desk.PATIENT)["id"]
    who = {"reference": f"Patient/{patient}"}
    binary = {"resourceType": "Binary", "contentType": "text/plain", "data": "5paH5pys"}
    reference = {"resourceType": "DocumentReference", "status": "current", "subject": who,
                 "content": [{"attachment": {"contentType": "text/plain", "url": "urn:uuid:b"}}]}  # fmt: skip
    listed = {
        "resourceType": "List",
        "status": "current",
        "mode": "working",
        "subject": who,
        "entry": [{"item": {"reference": "urn:uuid:r"}}],
    }
    given = (("urn:uuid:b", binary), ("urn:uuid:r", reference), ("urn:uuid:l", listed))
    entries = [{"fullUrl": u, "resource": r, "request": {"method": "POST", "url": r["resourceType"]}} for u, r in given]
    done = api.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries}, 200)
    place = done["entry"][0]["response"]["location"].partition("/_history")[0]
    found = api.get(f"DocumentReference?patient={patient}")["entry"][0]["resource"]
    assert found["content"][0]["attachment"]["url"] == place
    assert api.client.get(f"/fhir/r4/{place}").content.decode() == "文本"
    assert desk.ids(api.get(f"List?patient={patient}&_include=List:item"), "include") == [found["id"]]
    assert Resource.objects.get(type="Binary").registration_id == Registration.objects.get().pk


@pytest.mark.django_db
@pytest.mark.feature("C15")
def test_match_pix_and_validate() -> None:
    """$match finds the likeliest patients with a score, $ihe-pix the other systems' numbers, $validate what does not hold."""
    desk.county()
    api = desk.Api(desk.application(identifier_system="urn:lis:patient"))
    other = desk.Api(desk.application(desk.CLINIC, source_system="HIS"))
    mine = api.post(
        "Patient",
        {**desk.PATIENT, "identifier": [*desk.PATIENT["identifier"], {"system": "urn:lis:patient", "value": "L7"}]},
    )
    theirs = other.post("Patient", desk.PATIENT)
    asked = {"resourceType": "Parameters", "parameter": [{"name": "resource", "resource": desk.PATIENT}]}
    found = api.post("Patient/$match", asked, 200)["entry"]
    assert found and found[0]["search"]["score"] > 0.9 and found[0]["search"]["extension"][0]["valueCode"] == "certain"
    assert {found[0]["resource"]["id"]} <= {mine["id"], theirs["id"]}
    pix = api.get("Patient/$ihe-pix?sourceIdentifier=urn:lis:patient|L7")
    told = {p.get("valueIdentifier", {}).get("value") for p in pix["parameter"]}
    assert theirs["id"] in told
    assert api.get("Patient/$ihe-pix?sourceIdentifier=urn:nobody|1", 404)["issue"][0]["code"] == "not-found"
    bad = desk.observation("p", dataAbsentReason={"text": "?"}, referenceRange=[{"appliesTo": [{"text": "all"}]}])
    issues = api.post("Observation/$validate", bad, 200)["issue"]
    assert {i["details"]["coding"][0]["code"] for i in issues} == {"invariant:obs-6", "invariant:obs-3"}
    assert all(i["expression"] and i["details"]["text"] and i["diagnostics"] for i in issues)
    assert api.post("Observation/$validate", desk.observation("p"), 200)["issue"][0]["severity"] == "information"
