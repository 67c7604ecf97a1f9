"""What a client asks is done as R4 says it or refused with a reason: conditions, entries of bundles, parameters of operations."""

from __future__ import annotations

from typing import Any

import pytest

from yigong.platform.fhir.tests import desk

PATCH = "application/json-patch+json"


@pytest.fixture
def api(db: Any) -> desk.Api:
    """An application of the hospital."""
    desk.county()
    return desk.Api(desk.application())


def text_of(outcome: dict[str, Any]) -> str:
    """The Chinese and English sentences of an OperationOutcome."""
    return " ".join(f"{i['details']['text']} {i['diagnostics']}" for i in outcome["issue"])


@pytest.mark.feature("C15")
def test_conditional_read(api: desk.Api) -> None:
    """304 for any tag of a list, strong or weak, for * and for a moment not before the last change (R4 http, conditional read)."""
    place = f"Patient/{api.post('Patient', desk.PATIENT)['id']}"
    assert api.last["Last-Modified"]
    api.get(place)
    changed = api.last["Last-Modified"]
    for tags in ('W/"1"', '"1"', 'W/"7", W/"1"', "*"):
        api.get(place, 304, **{"if-none-match": tags})
    api.get(place, 304, **{"if-modified-since": changed})
    api.get(place, 200, **{"if-modified-since": "Sat, 01 Jan 2000 00:00:00 GMT"})
    api.get(place, 200, **{"if-none-match": 'W/"7"', "if-modified-since": changed})
    api.get(place, 200, **{"if-modified-since": "yesterday"})


@pytest.mark.feature("C15")
def test_conditions_of_writes(api: desk.Api) -> None:
    """If-None-Match: * never overwrites; a wrong tag is named as a header, an absent version as absent; a create that found one says where."""
    one = api.post("Patient", desk.PATIENT)
    place = f"Patient/{one['id']}"
    refused = api.put(place, {**one, "active": True}, 412, **{"if-none-match": "*"})
    assert "If-None-Match" in text_of(refused) and api.get(place)["meta"]["versionId"] == "1"
    api.put("Patient/new-1", {**desk.PATIENT, "id": "new-1"}, 201, **{"if-none-match": "*"})
    assert "If-Match" in text_of(api.put(place, one, 400, **{"if-match": 'W/"abc"'}))
    assert "没有 Patient/none" in text_of(api.put("Patient/none", {**one, "id": "none"}, 412, **{"if-match": 'W/"3"'}))
    api.ask("DELETE", "Patient/new-1", status=204)
    api.post("Patient", desk.PATIENT, 200, **{"if-none-exist": "identifier=110101199003070134"})
    assert api.last["Location"].endswith(f"{place}/_history/1")


@pytest.mark.feature("C15")
def test_conditional_patch(api: desk.Api) -> None:
    """A patch works on the single match of a condition, alone and in a transaction; another form of patch is told which one is taken."""
    one = api.post("Patient", desk.PATIENT)
    where = "Patient?identifier=110101199003070134"
    ops = [{"op": "replace", "path": "/gender", "value": "male"}]
    assert api.ask("PATCH", where, ops, status=200, content_type=PATCH)["gender"] == "male"
    assert api.ask("PATCH", "Patient?identifier=none", ops, status=404, content_type=PATCH)["issue"]
    assert PATCH in text_of(api.ask("PATCH", f"Patient/{one['id']}", "x", status=415, content_type="text/plain"))
    test = [{"op": "test", "path": "/gender", "value": "other"}]
    assert "class" not in text_of(api.ask("PATCH", where, test, status=422, content_type=PATCH))
    api.post("Patient", desk.PATIENT)
    assert api.ask("PATCH", where, ops, status=412, content_type=PATCH)["issue"][0]["code"] == "multiple-matches"


def entry(method: str, url: str, resource: Any = None, full: str = "", **request: str) -> dict[str, Any]:
    """One entry of a bundle."""
    found: dict[str, Any] = {"request": {"method": method, "url": url, **request}}
    return found | ({"resource": resource} if resource else {}) | ({"fullUrl": full} if full else {})


def bundle(*entries: dict[str, Any], kind: str = "transaction") -> dict[str, Any]:
    """A Bundle to post."""
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


@pytest.mark.feature("C15")
@pytest.mark.parametrize("there", [False, True])
def test_references_to_a_conditional_update(api: desk.Api, there: bool) -> None:
    """What refers to the fullUrl of ``PUT Patient?identifier=…`` refers to the patient it becomes, found or made (R4 http, transaction)."""
    before = api.post("Patient", desk.PATIENT)["id"] if there else ""
    full, where = "urn:uuid:7d5a60f1-6b4b-4c5e-9b1c-2b0f6d3a9c10", "Patient?identifier=110101199003070134"
    result = {**desk.observation("x"), "subject": {"reference": full}}
    sent = bundle(entry("PUT", where, {**desk.PATIENT, "active": True}, full), entry("POST", "Observation", result))
    answer = api.post("", sent, 200)
    patient, observation = (e["response"]["location"].partition("/_history")[0] for e in answer["entry"])
    assert api.get(observation)["subject"]["reference"] == patient
    assert api.get(where)["total"] == 1 and (not there or patient == f"Patient/{before}")
    other = bundle(entry("PUT", where, {**desk.PATIENT, "id": "another"}, full))
    assert text_of(api.post("", other, 400)).count("another")


@pytest.mark.feature("C15")
def test_a_refused_bundle_says_which_entry(api: desk.Api) -> None:
    """The OperationOutcome of a transaction names entry and place; nothing of it is kept, and no condition is passed over."""
    wrong = {"resourceType": "Observation", "status": "nonsense"}
    refused = api.post("", bundle(entry("POST", "Patient", desk.PATIENT), entry("POST", "Observation", wrong)), 422)
    assert refused["issue"][0]["expression"] == ["Bundle.entry[1].resource.status"]
    assert "第 2 条" in text_of(refused) and "Entry 2" in text_of(refused)
    assert api.get("Patient?identifier=110101199003070134")["total"] == 0
    one = {**desk.PATIENT, "id": "twin"}
    twins = api.post("", bundle(entry("PUT", "Patient/twin", one), entry("PUT", "Patient/twin", one)), 400)
    assert "第 2 条" in text_of(twins) and "entry 1" in text_of(twins)
    unclear = bundle(entry("PUT", "Patient/twin", one, ifMatch="abc"))
    assert "ifMatch" in text_of(api.post("", unclear, 400)) and api.get("Patient/twin", 404)


@pytest.mark.feature("C15")
def test_no_parameter_is_passed_over(api: desk.Api) -> None:
    """A parameter that would make the answer smaller, and is not served, is refused; with handling=lenient it is passed over."""
    patient = api.post("Patient", desk.PATIENT)["id"]
    api.post("Observation", desk.observation(patient))
    asynchronous = {"prefer": "respond-async"}
    for path, headers in (
        (f"Patient/{patient}/$everything?_typeFilter=Observation", {}), (f"Patient/{patient}/_history?_at=2026-01-01", {}),
        ("$export?includeAssociatedData=LatestProvenanceResources", asynchronous), ("$export?organizeOutputBy=Patient", asynchronous),
        (f"Observation?patient={patient}&_contained=true", {}),
    ):  # fmt: skip
        refused = api.get(path, 400, **headers)
        assert refused["issue"][0]["code"] == "not-supported", path
    api.get(f"Patient/{patient}/$everything?_typeFilter=Observation", 200, prefer="handling=lenient")
    api.get(f"Patient/{patient}/$everything?_type=Nonsense", 404)
    form = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueString": "Observation"}]}
    told = api.post(f"Patient/{patient}/$everything", form, 200)
    assert [e["resource"]["resourceType"] for e in told["entry"]] == ["Observation"]
    assert "没有操作 $foo" in text_of(api.get(f"Patient/{patient}/$foo", 404))


@pytest.mark.feature("C15")
def test_validation_by_an_unknown_profile_is_no_success(api: desk.Api) -> None:
    """$validate with a profile that is not here says so as an error; one claimed in meta is a warning; R4's own is checked."""
    result = desk.observation("1")
    own = "http://hl7.org/fhir/StructureDefinition/Observation"
    assert [i["severity"] for i in api.post(f"Observation/$validate?profile={own}", result, 200)["issue"]] == [
        "information"
    ]
    asked = api.post("Observation/$validate?profile=http://example.org/other", result, 200)["issue"]
    assert (asked[0]["severity"], asked[0]["code"]) == ("error", "not-supported")
    claimed = {**result, "meta": {"profile": ["http://example.org/other"]}}
    assert api.post("Observation/$validate", claimed, 200)["issue"][0]["severity"] == "warning"
    form = {"resourceType": "Parameters", "parameter": [
        {"name": "resource", "resource": result}, {"name": "profile", "valueUri": "http://example.org/other"}]}  # fmt: skip
    assert api.post("Observation/$validate", form, 200)["issue"][0]["severity"] == "error"
    api.post("Observation/$validate?mode=delete", result, 400)
