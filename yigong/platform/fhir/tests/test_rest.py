"""The interactions of REST: versions, conditions, patches, deletes, histories, batches, refusals."""

from __future__ import annotations

from typing import Any

import pytest

from yigong.platform.fhir.tests import desk
from yigong.security.models import Audit


@pytest.fixture
def api(db: Any) -> desk.Api:
    """An application of the hospital."""
    desk.county()
    return desk.Api(desk.application())


@pytest.mark.feature("C15")
def test_versions_and_history(api: desk.Api) -> None:
    """Each change is a version; an old one is read, a wrong If-Match refused, the same content makes none."""
    made = api.post("Patient", desk.PATIENT)
    place = f"Patient/{made['id']}"
    assert api.last["Location"].endswith(f"{place}/_history/1") and api.last["ETag"] == 'W/"1"'
    changed = api.put(place, {**made, "active": True}, 200, **{"if-match": 'W/"1"'})
    assert changed["meta"]["versionId"] == "2"
    assert api.put(place, {**made, "active": False}, 412, **{"if-match": 'W/"1"'})["issue"][0]["code"] == "conflict"
    assert api.put(place, changed, 200)["meta"]["versionId"] == "2"
    assert "active" not in api.get(f"{place}/_history/1")
    history = api.get(f"{place}/_history")
    assert [e["resource"]["meta"]["versionId"] for e in history["entry"]] == ["2", "1"]
    api.get(place, 304, **{"if-none-match": 'W/"2"'})
    api.ask("DELETE", place, status=204)
    assert api.get(place, 410)["issue"][0]["code"] == "deleted"
    assert api.get(f"{place}/_history")["entry"][0]["request"]["method"] == "DELETE"
    assert api.put(place, made, 200)["meta"]["versionId"] == "4"


@pytest.mark.feature("C15")
def test_conditional_acts(api: desk.Api) -> None:
    """A create, update or delete under a condition works on the single match and refuses several."""
    one = api.post("Patient", desk.PATIENT)
    number = "identifier=110101199003070134"
    assert api.post("Patient", desk.PATIENT, 200, **{"if-none-exist": number})["id"] == one["id"]
    assert api.put(f"Patient?{number}", {**desk.PATIENT, "active": True}, 200)["id"] == one["id"]
    two = api.post("Patient", desk.PATIENT)
    assert api.put(f"Patient?{number}", desk.PATIENT, 412)["issue"][0]["code"] == "multiple-matches"
    api.ask("DELETE", f"Patient/{two['id']}", status=204)
    api.ask("DELETE", f"Patient?{number}", status=204)
    assert api.get(f"Patient?{number}")["total"] == 0


@pytest.mark.feature("C15")
def test_json_patch(api: desk.Api) -> None:
    """A JSON Patch changes what it says; one that cannot be applied is refused with its reason."""
    place = f"Patient/{api.post('Patient', desk.PATIENT)['id']}"
    ops = [{"op": "replace", "path": "/gender", "value": "male"}, {"op": "add", "path": "/active", "value": True}]
    patched = api.ask("PATCH", place, ops, status=200, content_type="application/json-patch+json")
    assert patched["gender"] == "male" and patched["active"] is True
    wrong = [{"op": "replace", "path": "/nowhere/0", "value": 1}]
    api.ask("PATCH", place, wrong, status=422, content_type="application/json-patch+json")
    api.ask("PATCH", place, ops, status=415)


@pytest.mark.feature("C15")
def test_decimals_keep_their_digits(api: desk.Api) -> None:
    """5.60 is not 5.6, and many digits stay many."""
    text = '{"resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":5.60},"component":[{"code":{"text":"y"},"valueQuantity":{"value":0.12345678901234567890}}]}'
    made = api.post("Observation", text)
    api.get(f"Observation/{made['id']}")
    assert b'"value":5.60}' in api.last.content and b"0.12345678901234567890" in api.last.content


@pytest.mark.feature("C15")
def test_transaction_resolves_and_is_all_or_nothing(api: desk.Api) -> None:
    """References among entries become ids; one bad entry undoes all; a batch undoes only that entry."""
    patient = {"fullUrl": "urn:uuid:a", "resource": desk.PATIENT, "request": {"method": "POST", "url": "Patient"}}
    result = desk.observation("x") | {"subject": {"reference": "urn:uuid:a"}}
    entry = {"fullUrl": "urn:uuid:b", "resource": result, "request": {"method": "POST", "url": "Observation"}}
    read = {"request": {"method": "GET", "url": "Observation?code=2339-0"}}
    done = api.post("", {"resourceType": "Bundle", "type": "transaction", "entry": [entry, patient, read]}, 200)
    place = done["entry"][1]["response"]["location"].partition("/_history")[0]
    assert api.get(done["entry"][0]["response"]["location"].partition("/_h")[0])["subject"]["reference"] == place
    assert done["entry"][2]["resource"]["total"] == 1
    bad = {
        "resource": {"resourceType": "Observation", "status": "no"},
        "request": {"method": "POST", "url": "Observation"},
    }
    api.post("", {"resourceType": "Bundle", "type": "transaction", "entry": [patient, bad]}, 422)
    assert api.get("Patient")["total"] == 1
    batch = api.post("", {"resourceType": "Bundle", "type": "batch", "entry": [patient, bad]}, 200)
    assert [e["response"]["status"] for e in batch["entry"]] == ["201", "422"]
    lost = entry | {"resource": result | {"subject": {"reference": "urn:uuid:nobody"}}}
    api.post("", {"resourceType": "Bundle", "type": "transaction", "entry": [lost]}, 412)


REFUSALS = [
    ("GET", "Nothing/1", None, 404, "fhir.type_unknown"),
    ("GET", "Patient/none", None, 404, "fhir.not_found"),
    ("GET", "Patient?nonsense=1", None, 400, "fhir.parameter_unknown"),
    ("GET", "Patient?name:above=x", None, 400, "fhir.modifier_unknown"),
    ("GET", "Patient?birthdate=yesterday", None, 400, "fhir.parameter_value"),
    ("GET", "Patient?_count=-1", None, 400, "fhir.parameter_value"),
    ("GET", "Patient?_format=turtle", None, 406, "fhir.format"),
    ("GET", "Patient?_page=gone", None, 410, "fhir.page_gone"),
    ("POST", "Patient", "{", 400, "fhir.not_json"),
    ("POST", "Patient", "[]", 400, "fhir.no_type"),
    ("POST", "Patient", {"resourceType": "Observation"}, 400, "fhir.type_differs"),
    ("PUT", "Patient/a", {"resourceType": "Patient", "id": "b"}, 400, "fhir.id_differs"),
    ("PUT", "Patient/a_b", {"resourceType": "Patient", "id": "a_b"}, 400, "fhir.id_malformed"),
    ("POST", "", {"resourceType": "Bundle", "type": "searchset"}, 400, "fhir.bundle_type"),
    ("DELETE", "Patient", None, 400, "fhir.condition_empty"),
    ("PATCH", "Patient/none", {"resourceType": "Parameters"}, 404, "fhir.not_found"),
    ("GET", "Patient?name=%00", None, 400, "fhir.parameter_value"),
    ("POST", "Patient", '{"resourceType":"Patient","name":[{"text":"a\\u0000b"}]}', 422, "format"),
    ("POST", "Patient", '{"resourceType":"Patient","name":[{"text":"\\ud800"}]}', 400, "fhir.not_json"),
    ("POST", "Observation", '{"resourceType":"Observation","valueQuantity":{"value":NaN}}', 400, "fhir.not_json"),
    ("POST", "Patient", "[" * 5000, 400, "fhir.not_json"),
]


@pytest.mark.feature("C15")
@pytest.mark.parametrize(("method", "path", "body", "status", "rule"), REFUSALS)
def test_refusals_say_what_and_why(api: desk.Api, method: str, path: str, body: Any, status: int, rule: str) -> None:
    """Each refusal is an OperationOutcome with its rule, a Chinese and an English sentence."""
    issue = api.ask(method, path, body, status=status)["issue"][0]
    assert issue["details"]["coding"][0]["code"] == rule
    assert (
        issue["details"]["text"] != issue["diagnostics"] and "{" not in issue["details"]["text"] + issue["diagnostics"]
    )


@pytest.mark.feature("C15")
def test_findings_of_validation_have_place_and_rule(api: desk.Api) -> None:
    """What does not conform is refused with every finding: place as FHIRPath, rule, severity, sentence."""
    wrong = {"resourceType": "Observation", "status": "finished", "code": "x", "valueString": "a", "valueInteger": 1,
             "effectiveDateTime": "2026-13-01", "surprise": 1, "category": []}  # fmt: skip
    found = api.post("Observation", wrong, 422)["issue"]
    rules = {(i["details"]["coding"][0]["code"], i["expression"][0]) for i in found}
    assert rules == {
        ("code", "Observation.status"), ("type", "Observation.code"), ("choice", "Observation"),
        ("format", "Observation.effective"), ("unknown", "Observation.surprise"), ("empty", "Observation.category"),
    }  # fmt: skip


@pytest.mark.feature("B02", "B15")
def test_every_reading_is_audited(api: desk.Api) -> None:
    """A read and a search each leave a line that names the person's registration."""
    made = api.post("Patient", desk.PATIENT)
    api.get(f"Patient/{made['id']}")
    api.get("Patient?gender=female")
    lines = list(
        Audit.objects.filter(action__startswith="fhir.").order_by("id").values_list("action", "registration_id")
    )
    assert [a for a, _ in lines] == ["fhir.write", "fhir.read", "fhir.search"]
    assert len({r for _, r in lines}) == 1 and None not in {r for _, r in lines}
