"""What a deleted Patient leaves in the index, and what is left of a matter that another source tells of too."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from yigong.kit.ctx import system
from yigong.platform.empi import api as empi
from yigong.platform.fhir import db
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.desk import HOSPITAL, PATIENT, Api, observation
from yigong.platform.fhir.tests.test_taken_back import carried, told
from yigong.platform.fhir.tests.test_telling import order
from yigong.platform.records import api as records

STATES = "select g.local_id, g.state, p.state from empi_registration g join empi_person p on p.id = g.person_id order by g.id"


@pytest.fixture
def api(db: None) -> Api:
    """A program of the hospital and a patient."""
    desk.county()
    made = Api(desk.application())
    made.put("Patient/P1", {**PATIENT, "id": "P1"}, 201)
    carried()
    return made


@pytest.mark.feature("C15", "A05")
def test_a_deleted_patient_leaves_the_index_and_comes_back(api: Api) -> None:
    """With nothing on it the registration is withdrawn, said in the log; written again it stands, with the same id."""
    assert db.rows(STATES) == [("P1", "active", "verified")]
    api.ask("DELETE", "Patient/P1", status=204)
    carried()
    assert db.rows(STATES) == [("P1", "cancelled", "cancelled")]
    api.put("Patient/P1", {**PATIENT, "id": "P1"}, 200)
    carried()
    assert db.rows(STATES) == [("P1", "active", "verified")]
    person = db.rows("select person_id from empi_registration")[0][0]
    marks = [d for d in empi.decisions(system(), person) if d.verb == "mark"]
    assert len(marks) == 2 and all("FHIR" in d.reason for d in marks)


@pytest.mark.feature("C15", "A05")
def test_what_hangs_on_a_registration_keeps_it(api: Api) -> None:
    """A result keeps the registration of a deleted patient; when the result goes too it is withdrawn; a new result gives it again."""
    api.put("Observation/o", {**observation("P1"), "id": "o"}, 201)
    carried()
    api.ask("DELETE", "Patient/P1", status=204)
    carried()
    assert db.rows(STATES)[0][1] == "active"
    api.ask("DELETE", "Observation/o", status=204)
    carried()
    assert db.rows(STATES)[0][1] == "cancelled"
    api.put("Observation/o", {**observation("P1"), "id": "o"}, 200)
    carried()
    assert db.rows(STATES)[0][1] == "active" and told() == ["laboratory"]


@pytest.mark.feature("C15", "A05")
def test_a_registration_of_two_patients_or_of_another_source_stays(db: None) -> None:
    """Two Patients of one number are one registration, which goes with the last; one that a feed had made stays."""
    from yigong.platform.fhir import db as sql

    desk.county()
    api = Api(desk.application(identifier_system="urn:his"))
    person = {**PATIENT, "identifier": [{"system": "urn:his", "value": "100"}]}
    for one in ("A", "B"):
        api.put(f"Patient/{one}", {**person, "id": one}, 201)
    carried()
    api.ask("DELETE", "Patient/A", status=204)
    carried()
    assert sql.rows(STATES)[0][:2] == ("100", "active")
    api.ask("DELETE", "Patient/B", status=204)
    carried()
    assert sql.rows(STATES)[0][:2] == ("100", "cancelled")
    import polars as pl

    fed = {
        "org_code": HOSPITAL,
        "source_system": "LIS",
        "local_id": "200",
        "full_name": "李强",
        "born_on": date(1980, 1, 2),
    }
    empi.register(system(), pl.DataFrame([fed]))
    api.put("Patient/C", {**person, "id": "C", "identifier": [{"system": "urn:his", "value": "200"}]}, 201)
    carried()
    api.ask("DELETE", "Patient/C", status=204)
    carried()
    assert sql.rows(STATES)[1][:2] == ("200", "active")


@pytest.mark.feature("C15", "A05")
def test_a_withdrawn_registration_says_nothing_of_its_person(db: None) -> None:
    """A person known by two systems is what the other one says, as soon as one of them takes its word back."""
    from yigong.platform.fhir import db as sql

    desk.county()
    his, lis = Api(desk.application(source_system="HIS")), Api(desk.application(source_system="LIS"))
    his.put("Patient/H", {**PATIENT, "id": "H"}, 201)
    lis.put("Patient/L", {**PATIENT, "id": "L", "telecom": [{"system": "phone", "value": "13900000000"}]}, 201)
    carried()
    golden = "select golden -> 'phone' ->> 'value', state from empi_person where state <> 'merged'"
    assert sql.rows(golden) == [("13900000000", "verified")]
    lis.ask("DELETE", "Patient/L", status=204)
    carried()
    assert sql.rows(golden) == [(None, "verified")]


# ---- matters ----


def _by_message(verb: str, minute: int, **facts: object) -> records.Told:
    registration = db.rows("select registration_id from fhir_resource where type = 'Patient'")[0][0]
    return records.Told(
        "order", HOSPITAL, "LIS", "Y-1", verb, datetime(2026, 3, 1, 1, minute, tzinfo=UTC), f"MSG{minute}",
        registration_id=registration, title="血常规", facts=facts,
    )  # fmt: skip


def _order() -> tuple[object, ...]:
    found = records.matter(HOSPITAL, "order", "Y-1")
    assert found is not None
    valid = [m["verb"] for m in found.moves if not m.get("withdrawn")]
    return found.state, found.title, found.facts.get("reason"), valid, len(found.moves)


@pytest.mark.feature("C15", "C14")
def test_a_matter_of_two_tellers_stands_as_the_other_tells_it(api: Api) -> None:
    """A message places an order, a resource completes it; the resource goes, and the order is placed as the message said."""
    records.tell_matters(system(), [_by_message("place", 1, reason="发热")])
    done = order("P1", status="completed", code={"text": "血常规五分类"}, reasonCode=[{"text": "复查"}])
    api.put("ServiceRequest/s", {**done, "id": "s"}, 201)
    carried()
    assert _order() == ("done", "血常规五分类", "复查", ["place", "finish"], 2)
    records.tell_matters(system(), [_by_message("change", 2, remark="空腹")])
    api.ask("DELETE", "ServiceRequest/s", status=204)
    carried()
    assert _order() == ("placed", "血常规", "发热", ["place", "change"], 3)
    assert told() == ["order"]
    api.put("ServiceRequest/s", {**done, "id": "s"}, 200)
    carried()
    assert _order()[:2] == ("done", "血常规五分类")


@pytest.mark.feature("C15", "C14")
def test_a_matter_that_a_message_tells_after_the_resource(api: Api) -> None:
    """The resource told first; without it the message alone stands, and without the message there is nothing to withdraw twice."""
    api.put("ServiceRequest/s", {**order("P1", code={"text": "尿常规"}), "id": "s"}, 201)
    carried()
    later = records.Told(
        **{
            **{f: getattr(_by_message("change", 3), f) for f in records.Told.__slots__},
            "said_at": datetime(2099, 1, 1, tzinfo=UTC),
        }
    )
    records.tell_matters(system(), [later])
    api.ask("DELETE", "ServiceRequest/s", status=204)
    carried()
    assert _order()[1:] == ("血常规", None, ["change"], 2)
