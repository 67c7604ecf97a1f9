"""The registers, orders and appointments of the platform as FHIR."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from yigong.kit.ctx import system
from yigong.outbox.api import dispatch
from yigong.platform.empi import api as empi
from yigong.platform.fhir.publishing import on_matters, publish
from yigong.platform.fhir.tests import desk
from yigong.platform.records import api as records
from yigong.platform.registry import api as registry

pytestmark = pytest.mark.django_db
STAFF = {
    "id_no": "440999198001010016", "full_name": "周明", "sex_code": "1", "org_code": desk.HOSPITAL, "department": "心内科",
    "title": "主任医师", "license_no": "L77", "phone": "13900000001", "staff_no": "0007",
}  # fmt: skip


@pytest.mark.feature("A18", "C15")
def test_staff_and_departments_are_published_and_follow_their_register() -> None:
    """Practitioner, PractitionerRole, Location of a department; no identity number and no telephone; a change comes by its event."""
    desk.county()
    registry.save_department(system(), desk.HOSPITAL, "XN", {"name": "心内科"}, new=True)
    doctor = registry.register_staff(system(), dict(STAFF))
    done = publish(system())
    assert done["registers"] == 5
    api = desk.Api(desk.application(desk.CLINIC))
    found = api.get(
        "PractitionerRole?organization=Organization/" + desk.HOSPITAL + "&_include=PractitionerRole:practitioner"
    )
    role, person = (e["resource"] for e in found["entry"])
    assert role["specialty"] == [{"text": "心内科"}] and person["name"] == [{"use": "official", "text": "周明"}]
    assert b"440999198001010016" not in api.last.content and b"13900000001" not in api.last.content
    assert api.get("Location?name=心内科")["total"] == 1
    assert api.get("Practitioner?identifier=L77&_revinclude=PractitionerRole:practitioner")["total"] == 1
    registry.update_staff(system(), doctor.pk, {"title": "副主任医师"})
    while dispatch(100):
        pass
    again = api.get(f"Practitioner/{person['id']}")
    assert again["qualification"][0]["code"]["text"] == "副主任医师" and again["meta"]["versionId"] == "2"


@pytest.mark.feature("C15")
def test_orders_and_appointments_are_published_and_follow() -> None:
    """A matter that messages told of is a ServiceRequest or an Appointment, with its state, within reach."""
    desk.county()
    person = {"org_code": desk.HOSPITAL, "source_system": "HIS", "local_id": "P1", "full_name": "测试甲"}
    registration = empi.register(system(), pl.DataFrame([person])).row(0, named=True)["registration_id"]
    at = datetime(2026, 3, 1, 8, tzinfo=UTC)
    facts = {"items": [{"code": "XCG", "name": "血常规"}], "requester": "王医师", "category": "03"}
    order = records.Told(
        "order",
        desk.HOSPITAL,
        "HIS",
        "A1",
        "place",
        at,
        "C1",
        registration_id=registration,
        title="血常规",
        placed_at=at,
        facts=facts,
    )
    visit = records.Told(
        "appointment",
        desk.HOSPITAL,
        "HIS",
        "F1",
        "book",
        at,
        "C2",
        registration_id=registration,
        title="复诊",
        starts_at=at,
    )
    records.tell_matters(system(), [order, visit])
    assert publish(system())["matters"] == 2
    api, clinic = desk.Api(desk.application()), desk.Api(desk.application(desk.CLINIC))
    (request,) = (e["resource"] for e in api.get("ServiceRequest?status=active&identifier=A1")["entry"])
    assert request["code"]["text"] == "血常规" and request["requester"]["display"] == "王医师"
    booked = api.get("Appointment?date=2026-03-01&_include=Appointment:patient")
    assert [e["resource"]["resourceType"] for e in booked["entry"]] == ["Appointment", "Patient"]
    assert clinic.get("ServiceRequest")["total"] == 0 and clinic.get("Appointment")["total"] == 0
    missed = records.Told("appointment", desk.HOSPITAL, "HIS", "F1", "miss", at, "C3", registration_id=registration)
    changed = records.tell_matters(system(), [missed])
    on_matters(1, {"matter_ids": [m.id for m in changed], "registration_ids": [registration]})
    assert api.get("Appointment?status=noshow")["total"] == 1
