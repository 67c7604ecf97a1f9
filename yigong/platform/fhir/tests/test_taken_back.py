"""What a resource says no longer does not stay in the records: deleted, denied, or told under another number."""

from __future__ import annotations

import random
from typing import Any

import pytest
from django.db import transaction

from yigong.kit.ctx import system
from yigong.platform.empi import api as empi
from yigong.platform.fhir import carrying, db
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.desk import PATIENT, Api, observation
from yigong.platform.fhir.tests.test_arrival import RESOURCES, _encounter, _number, _standing, _tried, _Undone
from yigong.platform.fhir.tests.test_inpatient import ROWS
from yigong.platform.fhir.tests.test_telling import matters, order
from yigong.platform.records import api as records

VACCINE = {
    "resourceType": "Immunization", "id": "v", "status": "completed", "patient": {"reference": "Patient/P1"}, "lotNumber": "L1",
    "vaccineCode": {"coding": [{"code": "0101"}], "text": "乙肝疫苗"}, "occurrenceDateTime": "2026-03-01",
}  # fmt: skip
ALLERGY = {
    "resourceType": "AllergyIntolerance", "id": "a", "patient": {"reference": "Patient/P1"}, "code": {"text": "青霉素"},
    "recordedDate": "2026-03-01T08:00:00+08:00",
}  # fmt: skip
CLINICAL = {
    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]
}
MISTAKEN = {
    "coding": [
        {"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification", "code": "entered-in-error"}
    ]
}


@pytest.fixture
def api(db: None) -> Api:
    """A program of the hospital and a patient."""
    desk.county()
    made = Api(desk.application())
    made.put("Patient/P1", {**PATIENT, "id": "P1"}, 201)
    return made


def carried() -> None:
    """Let the worker carry what waits."""
    while carrying.carry():
        pass


def told() -> list[str]:
    """Kinds of the events of the person's history."""
    registration = db.rows("select registration_id from fhir_resource where type = 'Patient' and fhir_id = 'P1'")[0][0]
    return sorted(e.kind for e in records.timeline(system(), empi.current(registration)))


@pytest.mark.feature("C15", "A05")
def test_a_deleted_result_leaves_the_records_and_stays_in_their_history(api: Api) -> None:
    """Row and event go; what it said stays readable as a version that was withdrawn; written again it is the same record."""
    api.put("Observation/o", {**observation("P1"), "id": "o"}, 201)
    carried()
    table = records.model("laboratory_test_record")
    row = table.objects.get()
    assert told() == ["laboratory"]
    api.ask("DELETE", "Observation/o", status=204)
    carried()
    assert not table.objects.exists() and told() == []
    kept = records.record_versions(system(), "laboratory_test_record", row.pk)
    assert [(v.version, v.withdrawn, v.known_until is not None) for v in kept] == [(1, True, True)]
    reasons = "select outcome, data_set, key, reasons -> 0 ->> 'zh' from fhir_carried where data_set = '' and key = ''"
    assert ("kept", "", "", carrying.KEPT["deleted"][0]) in db.rows(reasons)
    api.put("Observation/o", {**observation("P1", 7.0), "id": "o"}, 200)
    carried()
    again = table.objects.get()
    assert (again.pk, again.version, float(again.laboratory_test_quantitative_result)) == (row.pk, 2, 7.0)
    assert told() == ["laboratory"]


@pytest.mark.feature("C15")
def test_a_deleted_order_leaves_the_matters_and_stays_in_their_history(api: Api) -> None:
    """What only the resource told of is withdrawn and kept; written again it is placed anew."""
    api.put("ServiceRequest/s", {**order("P1"), "id": "s"}, 201)
    carried()
    assert told() == ["order"]
    api.ask("DELETE", "ServiceRequest/s", status=204)
    carried()
    assert matters() == [] and told() == []
    kept = "select data_set, source_key, withdrawn, row ->> 'state' from records_version"
    assert db.rows(kept) == [("matter_order", "Y-1", True, "placed")]
    api.put("ServiceRequest/s", {**order("P1"), "id": "s"}, 200)
    carried()
    assert [m[1:3] for m in matters()] == [("Y-1", "placed")] and told() == ["order"]


@pytest.mark.feature("C15")
def test_another_number_leaves_nothing_under_the_old_one(api: Api) -> None:
    """An order, and one of a stay, whose number is corrected stand under the new number only."""
    stay = {"encounter": {"reference": "Encounter/E"}}
    api.put("Encounter/E", {**_encounter("IMP"), "id": "E"}, 201)
    api.put("ServiceRequest/s", {**order("P1"), "id": "s"}, 201)
    api.put("ServiceRequest/t", {**order("P1", identifier=_number("Z-1")), **stay, "id": "t"}, 201)
    carried()
    assert ([m[1] for m in matters()], [r[0] for r in db.rows(ROWS)]) == (["Y-1"], ["Z-1"])
    api.put("ServiceRequest/s", {**order("P1", identifier=_number("Y-9")), "id": "s"}, 200)
    api.put("ServiceRequest/t", {**order("P1", identifier=_number("Z-9")), **stay, "id": "t"}, 200)
    carried()
    assert ([m[1] for m in matters()], [r[0] for r in db.rows(ROWS)]) == (["Y-9"], ["Z-9"])
    assert sorted(db.rows("select source_key from records_version where withdrawn")) == [("Y-1",), ("Z-1",)]


@pytest.mark.feature("C15")
def test_an_order_that_another_resource_tells_of_too_stays(api: Api) -> None:
    """Written under a second id before the first is deleted, an order of a stay stands as the second tells it."""
    stay = {"encounter": {"reference": "Encounter/E"}}
    api.put("Encounter/E", {**_encounter("IMP"), "id": "E"}, 201)
    api.put("ServiceRequest/new", {**order("P1"), **stay, "id": "new"}, 201)
    api.put("ServiceRequest/old", {**order("P1", code={"text": "尿常规"}), **stay, "id": "old"}, 201)
    carried()
    api.ask("DELETE", "ServiceRequest/old", status=204)
    carried()
    content = "select source_key, order_item_content from records_inpatient_order"
    assert db.rows(content) == [("Y-1", "血常规")]
    api.ask("DELETE", "ServiceRequest/new", status=204)
    carried()
    assert db.rows(content) == []


@pytest.mark.feature("C15")
def test_what_a_resource_denies_is_no_record(api: Api) -> None:
    """Entered in error, cancelled or not done: no row, not even for the one that stood; taken back, it stands again."""
    api.put("Immunization/v", VACCINE, 201)
    api.put("Observation/o", {**observation("P1"), "id": "o"}, 201)
    api.put("AllergyIntolerance/a", {**ALLERGY, "clinicalStatus": CLINICAL}, 201)
    carried()
    count = """select (select count(*) from records_vaccination_2009), (select count(*) from records_laboratory_test_record),
        (select count(*) from records_basic_health_information)"""
    assert db.rows(count) == [(1, 1, 1)]
    api.put("Immunization/v", {**VACCINE, "status": "not-done"}, 200)
    api.put("Observation/o", {**observation("P1"), "id": "o", "status": "entered-in-error"}, 200)
    api.put("AllergyIntolerance/a", {**ALLERGY, "verificationStatus": MISTAKEN}, 200)
    carried()
    assert db.rows(count) == [(0, 0, 0)] and told() == []
    api.put("Observation/o", {**observation("P1"), "id": "o", "status": "amended"}, 200)
    carried()
    assert db.rows(count) == [(0, 1, 0)]


@pytest.mark.feature("C15")
def test_a_patient_under_another_number_takes_the_records_along(db: None) -> None:
    """The institution's number of a patient is corrected: what hung on the old registration hangs on the new one."""
    desk.county()
    api = Api(desk.application(identifier_system="urn:his"))
    person = {**PATIENT, "id": "P1", "identifier": [*PATIENT["identifier"], {"system": "urn:his", "value": "100"}]}
    api.put("Patient/P1", person, 201)
    api.put("Observation/o", {**observation("P1"), "id": "o"}, 201)
    api.put("ServiceRequest/s", {**order("P1"), "id": "s"}, 201)
    carried()
    api.put("Patient/P1", {**person, "identifier": [{"system": "urn:his", "value": "200"}]}, 200)
    carried()
    whose = _sql("""select t.kind, g.local_id from empi_registration g join (
        select 'row' as kind, registration_id from records_laboratory_test_record union all
        select 'matter', registration_id from records_matter union all
        select 'event', registration_id from records_event union all
        select 'resource', registration_id from fhir_resource where registration_id is not null) t on t.registration_id = g.id""")
    assert {number for _, number in whose} == {"200"} and len({kind for kind, _ in whose}) == 4


def _sql(text: str) -> list[tuple[Any, ...]]:
    return db.rows(text)


# ---- in any order ----


def _varied(draw: random.Random, name: str) -> dict[str, Any]:
    """Another version of a resource: under another number, of another class, or denied."""
    found = dict(RESOURCES[name])
    if name.startswith("Encounter/"):
        return _encounter(draw.choice(("IMP", "AMB"))) | {"identifier": [{"value": "ZY-other"}]}
    if "identifier" in found and not name.startswith("Patient/"):
        found["identifier"] = _number(f"N-{draw.randrange(3)}")
    if name.startswith(("Observation/", "DiagnosticReport/")) and draw.random() < 0.5:
        found["status"] = "entered-in-error"
    return found


def _steps(draw: random.Random) -> tuple[list[tuple[str, dict[str, Any] | None]], list[str]]:
    """Writes and deletions in a random order, and the resources that stand in the end as they arrive in the other tests."""
    lines, standing = [], []
    for name in RESOURCES:
        line: list[tuple[str, dict[str, Any] | None]] = []
        for _ in range(draw.randrange(3)):
            line.append((name, _varied(draw, name)))
            if draw.random() < 0.3 and not name.startswith("Patient/"):
                line.append((name, None))
        if name.startswith("Patient/") or draw.random() < 0.7:
            line.append((name, RESOURCES[name]))
            standing.append(name)
        elif line:
            line.append((name, None))
        lines.append(line)
    order_of = draw.sample([n for n, line in enumerate(lines) for _ in line], sum(map(len, lines)))
    return [lines[n].pop(0) for n in order_of], standing


def _lived(api: Api, steps: list[tuple[str, dict[str, Any] | None]], draw: random.Random) -> dict[str, list[str]]:
    """What stands after all steps, carried after some of them."""
    try:
        with transaction.atomic():
            for name, resource in steps:
                if resource is None:
                    api.ask("DELETE", name, status=204)
                else:
                    api.put(name, {**resource, "id": name.partition("/")[2]})
                    assert api.last.status_code in (200, 201), api.last.content
                if draw.random() < 0.5:
                    carrying.carry()
            carried()
            _sql_gone = "select type, fhir_id from fhir_resource where deleted"
            gone = {f"'{kind}', '{one}'" for kind, one in db.rows(_sql_gone)}
            found = _standing()
            found["resources"] = [r for r in found["resources"] if not any(one in r for one in gone)]
            raise _Undone
    except _Undone:
        return found


@pytest.mark.feature("C15")
def test_whatever_happened_before_the_records_say_what_stands(db: None) -> None:
    """Writes, corrections of numbers and classes, denials and deletions in ten random orders end in the records of what stands."""
    desk.county()
    api = Api(desk.application())
    for seed in range(10):
        draw = random.Random(seed)
        steps, standing = _steps(draw)
        lived, expected = _lived(api, steps, draw), _tried(api, standing, set())
        for found in (lived, expected):
            found.pop("verbs", None)
        assert lived == expected, seed
