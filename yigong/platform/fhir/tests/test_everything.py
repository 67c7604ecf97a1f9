"""$everything: narrowed by dates of care, by type and by what is new; pages that together are the whole."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from yigong.kit.clock import now
from yigong.platform.fhir import db
from yigong.platform.fhir.anchors import in_compartments
from yigong.platform.fhir.models import Resource
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.desk import Api, observation

RESULTS = {
    "o-2024": "2024-12-31T23:30:00+08:00",
    "o-2025": "2025-06-01T08:00:00+08:00",
    "o-2026": "2026-01-01T00:10:00+08:00",
}


@pytest.fixture
def api(db: None) -> Api:
    """A program of the hospital and a person with a history: results of three years, a stay, and a policy without a date."""
    desk.county()
    made = Api(desk.application())
    made.put("Patient/p", {**desk.PATIENT, "id": "p"}, 201)
    for one, moment in RESULTS.items():
        made.put(f"Observation/{one}", {**observation("p"), "id": one, "effectiveDateTime": moment}, 201)
    made.put("Organization/org", {"resourceType": "Organization", "id": "org", "name": "青禾县人民医院"}, 201)
    stay = {
        "resourceType": "Encounter", "id": "stay", "status": "finished", "subject": {"reference": "Patient/p"},
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "period": {"start": "2024-12-20", "end": "2025-01-05"}, "serviceProvider": {"reference": "Organization/org"},
    }  # fmt: skip
    made.put("Encounter/stay", stay, 201)
    policy = {
        "resourceType": "Coverage", "id": "policy", "status": "active", "beneficiary": {"reference": "Patient/p"},
        "payor": [{"reference": "Organization/org"}],
    }  # fmt: skip
    made.put("Coverage/policy", policy, 201)
    return made


def told(api: Api, query: str) -> set[str]:
    """Ids of everything that one page tells of the person."""
    return {e["resource"]["id"] for e in api.get(f"Patient/p/$everything{query}")["entry"]}


@pytest.mark.feature("C15")
@pytest.mark.parametrize(
    ("query", "left_out"),
    [
        ("", set()),
        ("?start=2025-01-01", {"o-2024"}),
        ("?start=2025-01-06", {"o-2024", "stay"}),
        ("?end=2024", {"o-2025", "o-2026"}),
        ("?end=2025-06-01", {"o-2026"}),
        ("?start=2025-02&end=2025-12-31", {"o-2024", "o-2026", "stay"}),
        ("?start=2027-01-01", {"o-2024", "o-2025", "o-2026", "stay"}),
    ],
)
def test_dates_of_care(api: Api, query: str, left_out: set[str]) -> None:
    """Care between two days, both included, in the county's time; what has no date of care and the person stay in."""
    assert told(api, query) == {"p", "org", "policy", "stay", *RESULTS} - left_out


@pytest.mark.feature("C15")
def test_types_and_news(api: Api) -> None:
    """_type keeps to the types asked for, those brought along too; _since to what was written from then on."""
    assert told(api, "?_type=Observation") == set(RESULTS)
    assert told(api, "?_type=Coverage,Organization") == {"policy", "org"}
    Resource.objects.exclude(fhir_id="o-2025").update(last_updated=now() - timedelta(days=2))
    since = (now() - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert told(api, f"?_since={since}&_type=Observation,Encounter") == {"o-2025"}
    asked = [{"name": "start", "valueDate": "2025-01-01"}, {"name": "_type", "valueString": "Observation"}]
    found = api.post("Patient/p/$everything", {"resourceType": "Parameters", "parameter": asked}, 200)
    assert set(desk.ids(found)) == {"o-2025", "o-2026"}
    for wrong in ("start=soon", "end=2025-13-99x", "_since=yesterday", "_count=many", "_after=x"):
        assert api.get(f"Patient/p/$everything?{wrong}", 400)["issue"][0]["severity"] == "error"


@pytest.mark.feature("C15")
@pytest.mark.parametrize("count", [1, 2, 3, 4, 100])
def test_pages_together_are_the_whole(api: Api, count: int) -> None:
    """Following the links, each page holds at most _count matches, and every resource comes once."""
    path, seen, sizes = f"Patient/p/$everything?_count={count}&start=2024-12-01", [], []
    while path:
        page = api.get(path)
        matches = desk.ids(page)
        seen += matches
        sizes.append(len(matches))
        path = next((link["url"].partition("/fhir/r4/")[2] for link in page["link"] if link["relation"] == "next"), "")
        assert not path or "start=2024-12-01" in path
    assert seen[0] == "p" and sorted(seen) == sorted({"p", "policy", "stay", *RESULTS})
    assert max(sizes) <= count and 0 not in sizes


@pytest.mark.feature("C15")
def test_a_scope_that_narrows_narrows_everything(api: Api) -> None:
    """Of a type whose scope bears a query only what meets it is told, and not nothing."""
    api.put(
        "Observation/vital", {**observation("p", category=[{"coding": [{"code": "vital-signs"}]}]), "id": "vital"}, 201
    )
    narrow = Api(desk.application(held="system/Patient.r system/Observation.r?category=vital-signs"))
    assert told(narrow, "") == {"p", "vital"}


@pytest.mark.feature("C15")
def test_who_stands_beside_another_is_told_of_it(api: Api) -> None:
    """An appointment of two persons belongs to the compartments of both."""
    other: dict[str, Any] = {
        "resourceType": "Patient",
        "id": "q",
        "name": [{"text": "李四"}],
        "birthDate": "1950-01-01",
    }
    api.put("Patient/q", other, 201)
    both = [{"actor": {"reference": f"Patient/{one}"}, "status": "accepted"} for one in ("q", "p")]
    api.put(
        "Appointment/two", {"resourceType": "Appointment", "id": "two", "status": "proposed", "participant": both}, 201
    )
    assert "two" in told(api, "?_type=Appointment")
    assert "two" in {e["resource"]["id"] for e in api.get("Patient/q/$everything")["entry"]}


@pytest.mark.feature("C15")
def test_a_person_is_found_by_indexes(api: Api) -> None:
    """Both ways to a person's resources are ways of an index."""
    db.do("set local enable_seqscan = off", prepare=False)
    sql = f"explain select r.id from fhir_resource r where {in_compartments('%(ids)s')}"
    plan = "\n".join(row[0] for row in db.rows(sql, {"ids": [1]}))
    assert "fhir_resource_person" in plan and "fhir_resource_others" in plan and "Seq Scan on fhir_resource" not in plan
