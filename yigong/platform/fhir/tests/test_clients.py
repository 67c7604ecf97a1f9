"""Independent programs against a running server: fhirclient, and schemathesis as an attacker."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from fhirclient import client as smart
from fhirclient.models import observation, patient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from yigong.platform.fhir.tests import desk


@pytest.mark.feature("C15")
def test_fhirclient_reads_creates_and_searches(live_server: Any, transactional_db: Any) -> None:
    """fhirclient, with its own models and checks, creates a patient and a result, reads, searches and deletes them."""
    desk.county()
    token = desk.token(desk.application())
    found = smart.FHIRClient(settings={"app_id": "yigong", "api_base": f"{live_server.url}/fhir/r4/"})
    found.server.session.headers["Authorization"] = f"Bearer {token}"
    person = patient.Patient(desk.PATIENT)
    made = person.create(found.server)
    assert made["id"]
    result = observation.Observation(desk.observation(made["id"]))
    assert result.create(found.server)["meta"]["versionId"] == "1"
    read = patient.Patient.read(made["id"], found.server)
    assert read.name[0].text == "王秀兰" and read.birthDate.isostring == "1990-03-07"
    search = observation.Observation.where(struct={"patient": made["id"], "code": "2339-0"})
    results = search.perform_resources(found.server)
    assert [r.valueQuantity.value for r in results] == [5.6]
    results[0].delete()
    assert search.perform_resources(found.server) == []


@pytest.mark.feature("C15")
@settings(max_examples=25, deadline=None, phases=[Phase.generate], derandomize=True,
          suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much, HealthCheck.too_slow])  # fmt: skip
@given(data=st.data())
def test_whatever_is_sent_nothing_breaks(live_server: Any, transactional_db: Any, data: st.DataObject) -> None:
    """Requests made up by schemathesis from the OpenAPI document never bring an answer of 500."""
    from yigong.platform.fhir.models import Application

    if not Application.objects.exists():
        desk.county()
        desk.application()
    token = desk.token(Application.objects.get())
    schema = schemathesis.openapi.from_url(f"{live_server.url}/fhir/r4/openapi.json", timeout=120)
    operations = [o.ok() for o in schema.get_all_operations()]
    case = data.draw(data.draw(st.sampled_from(operations)).as_strategy())
    answer = case.call(headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code < 500, (case.method, case.formatted_path, answer.text[:500])
