"""Searches by value set, over several types at once, and by amounts in whichever unit."""

from __future__ import annotations

from decimal import Decimal
from itertools import product
from typing import Any

import pytest

from yigong.platform.fhir.indexing.units import DIMENSIONS, same
from yigong.platform.fhir.tests import desk

pytestmark = [pytest.mark.django_db, pytest.mark.feature("C15")]
UCUM, LOINC, OURS = "http://unitsofmeasure.org", "http://loinc.org", "urn:test:ours"
SUGARS = {
    "resourceType": "ValueSet", "id": "sugars", "url": "urn:test:sugars", "version": "2", "status": "active",
    "compose": {"include": [{"system": LOINC, "concept": [{"code": "2339-0"}, {"code": "2345-7"}]}, {"system": OURS, "filter": [{"property": "concept", "op": "is-a", "value": "S"}]}]},
}  # fmt: skip
SYSTEM = {
    "resourceType": "CodeSystem", "id": "ours", "url": OURS, "status": "active", "content": "complete", "hierarchyMeaning": "is-a",
    "concept": [{"code": "S", "concept": [{"code": "S1"}, {"code": "S2"}]}, {"code": "X"}],
}  # fmt: skip


@pytest.fixture
def api() -> desk.Api:
    """An application of the hospital with one patient p."""
    desk.county()
    made = desk.Api(desk.application())
    made.put("Patient/p", {**desk.PATIENT, "id": "p"}, 201)
    return made


def coded(api: desk.Api, fhir_id: str, system: str | None, code: str) -> None:
    """A result under a code."""
    coding = {"code": code} | ({"system": system} if system else {})
    api.put(f"Observation/{fhir_id}", {**desk.observation("p"), "id": fhir_id, "code": {"coding": [coding]}}, 201)


def measured(api: desk.Api, fhir_id: str, value: float, code: str, system: str | None = UCUM) -> None:
    """A result with an amount."""
    amount = {"value": value, "unit": code, "code": code} | ({"system": system} if system else {})
    api.put(f"Observation/{fhir_id}", {**desk.observation("p"), "id": fhir_id, "valueQuantity": amount}, 201)


def found(api: desk.Api, query: str) -> str:
    """Logical ids that a search finds, in order."""
    return " ".join(sorted(desk.ids(api.get(query))))


def test_codes_of_a_value_set_are_found(api: desk.Api) -> None:
    """``:in`` by canonical, by canonical with version, by ValueSet/id, listed and filtered codes alike; ``:not-in`` is the rest; system matters."""
    api.put("CodeSystem/ours", SYSTEM, 201)
    api.put("ValueSet/sugars", SUGARS, 201)
    for fhir_id, system, code in (
        ("a", LOINC, "2339-0"),
        ("b", OURS, "S2"),
        ("c", OURS, "X"),
        ("d", "urn:other", "S1"),
        ("e", None, "2339-0"),
    ):
        coded(api, fhir_id, system, code)  # fmt: skip
    for address in (
        "urn:test:sugars",
        "urn:test:sugars%7C2",
        "ValueSet/sugars",
        "http://testserver/fhir/r4/ValueSet/sugars",
    ):
        assert found(api, f"Observation?code:in={address}") == "a b", address
    assert found(api, "Observation?code:not-in=urn:test:sugars") == "c d e"
    assert found(api, "Patient?gender:in=http://hl7.org/fhir/ValueSet/administrative-gender") == "p"
    assert found(api, "Patient?_has:Observation:patient:code:in=urn:test:sugars") == "p"


def test_a_value_set_that_cannot_be_worked_out_is_said(api: desk.Api) -> None:
    """Unknown, with another version, of a system whose codes are not here: 422 that names what is missing; ``:in`` is for tokens."""
    api.put("ValueSet/sugars", SUGARS, 201)
    for address in ("urn:nobody", "urn:test:sugars|1", "urn:test:sugars", "ValueSet/none"):
        said = api.get(f"Observation?code:in={address}", 422)
        assert said["issue"][0]["code"] == "not-found", address
    assert api.get("Patient?name:in=urn:test:sugars", 400)["issue"][0]["code"] == "not-supported"


def test_amounts_are_found_in_any_unit_of_their_dimension(api: desk.Api) -> None:
    """With the system of UCUM; without it, in a unit that is not declared, or of another dimension, only as written."""
    for fhir_id, value, code in (
        ("a", 0.5, "g/L"),
        ("b", 50, "mg/dL"),
        ("c", 500, "mg/L"),
        ("d", 0.7, "g/L"),
        ("e", 50, "mmol/L"),
        ("f", 310.15, "K"),
    ):
        measured(api, fhir_id, value, code)  # fmt: skip
    measured(api, "g", 50, "mg/dL", None)
    name, sign = "Observation?value-quantity", "%7C"
    assert found(api, f"{name}=50{sign}{UCUM}{sign}mg/dL") == "a b c"
    assert found(api, f"{name}=gt0.6{sign}{UCUM}{sign}g/L") == "d"
    assert found(api, f"{name}=le60{sign}{UCUM}{sign}mg/dL") == "a b c"
    assert found(api, f"{name}=ne50{sign}{UCUM}{sign}mg/dL") == "d"
    assert found(api, f"{name}=37.0{sign}{UCUM}{sign}Cel") == "f"
    assert found(api, f"{name}=50{sign}{sign}mg/dL") == "b g"
    assert found(api, f"{name}=50{sign}{UCUM}{sign}bushel") == ""
    assert (
        found(api, f"code-value-quantity=2339-0$50{sign}{UCUM}{sign}mg/dL".replace("code-", "Observation?code-"))
        == "a b c"
    )


def test_units_of_a_dimension_agree() -> None:
    """To another unit and back is where it began, for every pair; every unit belongs to one dimension."""
    for units in DIMENSIONS.values():
        for one, other in product(units, units):
            there = next(v for c, v, _ in same(one, Decimal("5.6"), Decimal("0.05")) if c == other)
            back = next(v for c, v, _ in same(other, there, Decimal(0)) if c == one)
            assert abs(back - Decimal("5.6")) < Decimal("1e-18"), (one, other)
    every = [code for units in DIMENSIONS.values() for code in units]
    assert len(every) == len(set(every)) and same("bushel", Decimal(1), Decimal(0)) == []
    assert next(v for c, v, _ in same("mm[Hg]", Decimal(120), Decimal(0)) if c == "kPa") == Decimal("15.99864")


def test_several_types_are_searched_at_once(api: desk.Api) -> None:
    """By what all of them have: ``_type``, own parameters and chains of like kind; pages, order, ``POST _search``; else a refusal that names what there is."""
    tagged = {"meta": {"tag": [{"system": "urn:t", "code": "x"}]}}
    api.put("Observation/o", {**desk.observation("p"), "id": "o", **tagged}, 201)
    condition: dict[str, Any] = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}, "code": {"coding": [{"system": LOINC, "code": "2339-0"}]}, **tagged}  # fmt: skip
    api.put("Condition/c", condition, 201)
    assert found(api, "?_tag=urn:t|x") == "c o"
    assert (
        found(api, "?_type=Observation,Condition,Patient") == "c o p" and found(api, "?_type=Condition&_tag=x") == "c"
    )
    both = "?_type=Observation,Condition"
    assert found(api, f"{both}&patient=p") == "c o" and found(api, f"{both}&code=2339-0") == "c o"
    assert (
        found(api, f"{both}&subject:Patient.name=王") == "c o" and found(api, f"{both}&subject:Patient.name=李") == ""
    )
    page = api.get("?_type=Observation,Condition,Patient&_count=2&_sort=-_lastUpdated")
    assert desk.ids(page) == ["c", "o"] and page["total"] == 3
    following = next(one["url"] for one in page["link"] if one["relation"] == "next")
    assert desk.ids(api.get(following.partition("/fhir/r4/")[2] or following.partition("/fhir/r4")[2])) == ["p"]
    assert api.get(f"{both}&_summary=count")["total"] == 2
    form = "application/x-www-form-urlencoded"
    assert desk.ids(api.ask("POST", "_search", "_type=Condition&_id=c", status=200, content_type=form)) == ["c"]
    assert "category" not in api.get("?_type=Observation&_elements=status")["entry"][0]["resource"]
    for query in (
        "?_type=Observation,Patient&code=1",
        "?_type=Nothing",
        "?status=final",
        f"{both}&_sort=code",
        f"{both}&_include=*",
    ):
        assert 400 <= (api.get(query, None) and api.last.status_code) < 500, query


def test_a_search_of_all_types_stays_within_scopes_and_reach(api: desk.Api) -> None:
    """Types that the token does not let be searched are refused by name and left out unnamed; narrowing scopes and reach hold as ever."""
    api.put("Observation/o", {**desk.observation("p"), "id": "o"}, 201)
    api.put("Condition/c", {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/p"}}, 201)
    some = desk.Api(desk.application(held="system/Observation.rs system/Patient.rs?gender=male"))
    some.get("?_type=Condition", 403)
    assert found(some, "?_id=o,c,p") == "o"
    assert found(desk.Api(desk.application(desk.CLINIC)), "?_id=o,c,p") == ""
