"""Orders and appointments that arrive as resources become records beside those of HL7 v2."""

from __future__ import annotations

from typing import Any

import pytest

from yigong.kit import ctx as actors
from yigong.outbox import api as outbox
from yigong.platform.fhir import carrying, db, telling
from yigong.platform.fhir.publishing import publish
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.desk import PATIENT, Api


def order(patient: str, **facts: Any) -> dict[str, Any]:
    """An order of a blood count."""
    return {
        "resourceType": "ServiceRequest", "status": "active", "intent": "order", "identifier": [{"system": "urn:his", "value": "Y-1"}],
        "code": {"coding": [{"system": "urn:his:item", "code": "CBC"}], "text": "血常规"}, "subject": {"reference": f"Patient/{patient}"},
        "authoredOn": "2026-03-01T08:30:00+08:00", "requester": {"display": "张明"}, "reasonCode": [{"text": "咳嗽"}], **facts,
    }  # fmt: skip


def appointment(patient: str, **facts: Any) -> dict[str, Any]:
    """An appointment."""
    return {
        "resourceType": "Appointment", "status": "booked", "start": "2026-03-03T09:00:00+08:00", "end": "2026-03-03T09:20:00+08:00",
        "description": "心内科复诊", "participant": [
            {"actor": {"reference": f"Patient/{patient}"}, "status": "accepted"}, {"actor": {"display": "李医生"}, "status": "accepted"}],
        **facts,
    }  # fmt: skip


def matters() -> list[tuple[Any, ...]]:
    """Kind, number, state and title of every matter."""
    return db.rows("select kind, number, state, title from records_matter order by kind, id")


@pytest.fixture
def api(db: None) -> Api:
    """A program of the hospital."""
    desk.county()
    return Api(desk.application())


@pytest.mark.feature("C15")
def test_an_order_is_placed_held_released_and_finished(api: Api) -> None:
    """Each version is one step of the life of the same matter; carried again nothing is told twice."""
    patient = api.post("Patient", PATIENT)["id"]
    made = api.post("ServiceRequest", order(patient))["id"]
    seen = []
    for status in ("active", "on-hold", "active", "completed"):
        if seen:
            api.put(f"ServiceRequest/{made}", {**order(patient, status=status), "id": made}, status=200)
        carrying.carry()
        seen.append(matters()[0][2])
    assert seen == ["placed", "held", "placed", "done"]
    assert matters() == [("order", "Y-1", "done", "血常规")]
    assert db.rows(
        "select outcome from fhir_carried c join fhir_resource r on r.id = c.resource_id where r.type = 'ServiceRequest'"
    ) == [("loaded",)]
    assert db.rows("select count(*) from records_event where kind = 'order'") == [(1,)]


@pytest.mark.feature("C15")
def test_an_appointment_is_booked_moved_and_missed(api: Api) -> None:
    """Times and whom follow; a proposal is kept and told of once it is booked."""
    patient = api.post("Patient", PATIENT)["id"]
    made = api.post("Appointment", appointment(patient, status="proposed"))["id"]
    carrying.carry()
    assert matters() == []
    for status, start in (
        ("booked", "2026-03-03T09:00:00+08:00"),
        ("booked", "2026-03-04T09:00:00+08:00"),
        ("noshow", "2026-03-04T09:00:00+08:00"),
    ):
        body = appointment(patient, status=status, start=start, end=start)
        api.put(f"Appointment/{made}", {**body, "id": made}, status=200)
        carrying.carry()
    assert matters() == [("appointment", made, "missed", "心内科复诊")]
    ((day, who),) = db.rows("select starts_at::date::text, facts->>'performer' from records_matter")
    assert (day, who) == ("2026-03-04", "李医生")


@pytest.mark.feature("C15")
def test_what_arrived_as_a_resource_is_not_published_as_another(api: Api) -> None:
    """The resource itself stands for its matter: searching finds it once."""
    patient = api.post("Patient", PATIENT)["id"]
    made = api.post("ServiceRequest", order(patient))["id"]
    publish(actors.system())
    carrying.carry()
    while outbox.dispatch():
        pass
    assert desk.ids(api.get("ServiceRequest")) == [made]


@pytest.mark.feature("C15")
@pytest.mark.parametrize(
    ("resource", "state", "verb"),
    [
        (order("p"), "", "place"), (order("p"), "placed", "change"), (order("p"), "held", "release"),
        (order("p", status="revoked"), "placed", "cancel"), (appointment("p"), "", "book"), (appointment("p"), "missed", "reschedule"),
        (appointment("p", status="arrived"), "booked", "arrive"), (appointment("p", status="cancelled"), "booked", "cancel"),
    ],
)  # fmt: skip
def test_a_status_means_a_verb_by_what_stands(resource: dict[str, Any], state: str, verb: str) -> None:
    """Active places what was not told before, and releases what was held."""
    assert telling.verb_of(resource, state) == verb


@pytest.mark.feature("C15")
@pytest.mark.parametrize(
    ("resource", "settled"),
    [
        (order("p"), True), (order("p", intent="proposal"), False), (order("p", status="draft"), False),
        (appointment("p", status="proposed"), False), (appointment("p"), True), (appointment("p", status="cancelled"), True),
    ],
)  # fmt: skip
def test_a_proposal_is_no_order(resource: dict[str, Any], settled: bool) -> None:
    """Only what was ordered or booked, or its end, becomes a record."""
    assert telling.is_settled(resource) is settled
