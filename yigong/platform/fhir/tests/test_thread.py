"""The thin thread: a program creates a patient and a result, reads and finds them, over real HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from fhirpy import SyncFHIRClient

from yigong.platform.fhir.tests import desk


@pytest.fixture
def client(live_server: Any, transactional_db: Any) -> SyncFHIRClient:
    """fhirpy against a running server, as an application of the hospital."""
    desk.county()
    token = desk.token(desk.application())
    return SyncFHIRClient(f"{live_server.url}/fhir/r4", authorization=f"Bearer {token}")


@pytest.mark.feature("C15")
def test_create_read_search(client: SyncFHIRClient) -> None:
    """What is created is read back equal and found by patient, code, value, date and identifier."""
    patient = client.resource("Patient", **{k: v for k, v in desk.PATIENT.items() if k != "resourceType"})
    patient.save()
    result = client.resource("Observation", **desk.observation(patient.id))
    result.save()
    read = client.reference("Observation", result.id).to_resource()
    assert read["valueQuantity"]["value"] == 5.6 and read["code"]["text"] == "葡萄糖"
    found = client.resources("Observation").search(patient=patient.id, code="http://loinc.org|2339-0", date="ge2026-01-01",
                                                   value_quantity__gt=5).fetch()  # fmt: skip
    assert [o.id for o in found] == [result.id]
    assert client.resources("Patient").search(identifier="110101199003070134").first().id == patient.id
    assert client.resources("Observation").search(patient__Patient__name="王秀").count() == 1
