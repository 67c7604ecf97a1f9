"""Definitions, value sets and code systems are read and searched, and codes are looked up in them."""

from __future__ import annotations

from typing import Any

import pytest

from yigong.platform.fhir import conformance
from yigong.platform.fhir.models import Resource
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.desk import Api

TAKEN = {"Patient", "Observation", "HumanName", "administrative-gender", "observation-status"}


@pytest.fixture
def api(db: None, monkeypatch: Any) -> Api:
    """A program of the hospital that may read, and some of the definitions."""
    whole = conformance.resources
    some = [r for r in whole() if r["id"] in TAKEN or str(r.get("url")).startswith(("urn:oid:", "urn:yigong:"))]
    monkeypatch.setattr(conformance, "resources", lambda: iter(some))
    desk.county()
    assert conformance.publish() == len(some) and conformance.publish() == 0
    return Api(desk.application(held="system/*.rs"))


def value(parameters: dict[str, Any], name: str) -> Any:
    """A value of Parameters."""
    return next((v for p in parameters["parameter"] if p["name"] == name for k, v in p.items() if k != "name"), None)


@pytest.mark.feature("C15")
def test_definitions_are_read_and_searched(api: Api) -> None:
    """What resources are validated by is found by its address, whole; it is changed by nobody through FHIR."""
    assert api.get("StructureDefinition/Patient")["snapshot"]["element"][0]["path"] == "Patient"
    for kind, url in (
        ("StructureDefinition", "StructureDefinition/HumanName"),
        ("CodeSystem", "administrative-gender"),
    ):
        found = api.get(f"{kind}?url=http://hl7.org/fhir/{url}")
        assert desk.ids(found) == [url.rpartition("/")[2]]
    writer = Api(desk.application())
    patient = api.get("StructureDefinition/Patient")
    writer.put("StructureDefinition/Patient", {**patient, "title": "mine"}, 403)
    said = api.get("metadata")["rest"][0]["resource"]
    operations = {r["type"]: {o["name"] for o in r["operation"]} for r in said}
    assert operations["ValueSet"] >= {"expand", "validate-code"} and operations["CodeSystem"] >= {
        "lookup",
        "validate-code",
    }


@pytest.mark.feature("C15")
def test_an_official_value_set(api: Api) -> None:
    """Expanded, filtered, paged; a code is in it or not, and is called what it is called."""
    url = "http://hl7.org/fhir/ValueSet/administrative-gender"
    whole = api.get(f"ValueSet/$expand?url={url}")["expansion"]
    assert [c["code"] for c in whole["contains"]] == ["male", "female", "other", "unknown"] and whole["total"] == 4
    assert [
        c["code"] for c in api.get(f"ValueSet/$expand?url={url}&filter=MALE&offset=1")["expansion"]["contains"]
    ] == ["female"]
    assert api.get("ValueSet/administrative-gender/$expand?count=0")["expansion"]["total"] == 4
    system = "http://hl7.org/fhir/administrative-gender"
    assert value(api.get(f"ValueSet/$validate-code?url={url}&system={system}&code=male"), "result") is True
    assert value(api.get("ValueSet/administrative-gender/$validate-code?code=man"), "result") is False
    wrong = api.get(f"CodeSystem/$validate-code?url={system}&code=male&display=Female")
    assert value(wrong, "result") is False and value(wrong, "display") == "Male"
    assert value(api.get(f"CodeSystem/$lookup?system={system}&code=female"), "display") == "Female"
    api.get(f"CodeSystem/$lookup?system={system}&code=x", 404)
    api.get("CodeSystem/$lookup?system=urn:none&code=x", 404)
    api.get("ValueSet/$expand", 400)
    api.get(f"ValueSet/$expand?url={url}&displayLanguage=zh", 400)
    body = {
        "resourceType": "Parameters",
        "parameter": [{"name": "url", "valueUri": url}, {"name": "code", "valueCode": "male"}],
    }
    assert value(api.post("ValueSet/$validate-code", body, 200), "result") is True


@pytest.mark.feature("C15", "B01")
def test_a_national_code_table(api: Api) -> None:
    """A code table of the standards is a code system under its object identifier, and a value set of all its codes."""
    from yigong.standards.api import load

    table = load().value_sets["CV02.01.101"]
    code, name = next((c.code, c.name_zh) for c in table.codes.values())
    found = api.get(f"CodeSystem/$lookup?system=urn:oid:{table.oid}&code={code}")
    assert (value(found, "display"), value(found, "name")) == (name, table.name_zh)
    expansion = api.get(f"ValueSet/$expand?url=urn:yigong:value-set:{table.id}")["expansion"]
    assert {c["code"]: c["display"] for c in expansion["contains"]} == {c.code: c.name_zh for c in table.codes.values()}
    assert Resource.objects.filter(type="CodeSystem", origin=conformance.ORIGIN).count() > 100


@pytest.mark.feature("C15")
def test_a_value_set_of_others(api: Api) -> None:
    """Includes, lists and exclusions are put together; a filter on no code is refused, and so is a set that holds itself."""
    writer = Api(desk.application())
    gender = "http://hl7.org/fhir/administrative-gender"
    facts = {"resourceType": "ValueSet", "status": "active"}
    compose: dict[str, Any] = {
        "include": [{"system": gender}, {"system": "urn:x", "concept": [{"code": "a", "display": "A"}]}],
        "exclude": [{"system": gender, "concept": [{"code": "other"}, {"code": "unknown"}]}],
    }
    writer.put("ValueSet/v", {**facts, "id": "v", "url": "urn:v", "compose": compose}, 201)
    writer.put(
        "ValueSet/w",
        {**facts, "id": "w", "url": "urn:w", "compose": {"include": [{"system": gender, "valueSet": ["urn:v"]}]}},
        201,
    )
    assert [c["code"] for c in api.get("ValueSet/$expand?url=urn:v")["expansion"]["contains"]] == [
        "male",
        "female",
        "a",
    ]
    assert [c["code"] for c in api.get("ValueSet/w/$expand")["expansion"]["contains"]] == ["male", "female"]
    writer.put(
        "ValueSet/w", {**facts, "id": "w", "url": "urn:w", "compose": {"include": [{"valueSet": ["urn:w"]}]}}, 200
    )
    api.get("ValueSet/w/$expand", 422)
    filtered = {"include": [{"system": gender, "filter": [{"property": "concept", "op": "is-a", "value": "man"}]}]}
    writer.put("ValueSet/w", {**facts, "id": "w", "url": "urn:w", "compose": filtered}, 200)
    assert api.get("ValueSet/w/$expand", 422)["issue"][0]["code"] == "processing"
    Api(desk.application(held="system/Patient.r")).get("ValueSet/w/$expand", 403)
