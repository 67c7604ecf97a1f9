"""The short way of requests to FHIR leaves nothing out that protects: headers, revocation, the end of a token, the audit."""

from __future__ import annotations

import time
from typing import Any

import pytest

from yigong.kit.clock import now
from yigong.platform.fhir import access, db
from yigong.platform.fhir.models import Application
from yigong.platform.fhir.tests import desk
from yigong.platform.fhir.tests.desk import Api

AUDIT = "select action, subject_kind, subject_id, registration_id is not null, org_code, role, request_id from security_audit where action = 'fhir.read' order by id"


@pytest.fixture
def api(db: None) -> Api:
    """A program of the hospital."""
    desk.county()
    return Api(desk.application())


@pytest.mark.feature("C15", "B02")
def test_answers_bear_the_headers_of_the_house(api: Api) -> None:
    """Request id, length, no sniffing and no frame, on an answer, a refusal and the metadata that anybody may read."""
    for path, status in (("Patient", 200), ("Patient/none", 404), ("metadata", 200), ("nowhere/at/all", 404)):
        api.ask("GET", path, status=status)
        heads = api.last.headers
        assert heads["X-Content-Type-Options"] == "nosniff" and heads["X-Frame-Options"] == "DENY", path
        assert heads["X-Request-Id"] and int(heads["Content-Length"]) == len(api.last.content), path
    assert "Set-Cookie" not in heads and "sessionid" not in api.client.cookies


@pytest.mark.feature("C15", "B02", "B15")
def test_a_reading_and_its_line_of_audit_are_one(api: Api) -> None:
    """What was read is written down with who and whose; what is not there, deleted or out of reach is not, under the longest id too."""
    long = "x" * 64
    api.put(f"Patient/{long}", {**desk.PATIENT, "id": long}, 201)
    kind = "MedicationAdministration"
    dose = {"resourceType": kind, "id": long, "status": "completed", "subject": {"reference": f"Patient/{long}"},
            "medicationCodeableConcept": {"text": "阿司匹林"}, "effectiveDateTime": "2026-03-01"}  # fmt: skip
    api.put(f"{kind}/{long}", dose, 201)
    api.get(f"Patient/{long}")
    request_id = api.last["X-Request-Id"]
    api.get(f"{kind}/{long}")
    Api(desk.application(desk.CLINIC)).get(f"Patient/{long}", 404)
    api.get("Patient/none", 404)
    api.ask("DELETE", f"{kind}/{long}", status=204)
    api.get(f"{kind}/{long}", 410)
    assert db.rows(AUDIT)[0] == ("fhir.read", "fhir", f"Patient/{long}", True, desk.HOSPITAL, "application", request_id)
    assert [row[2] for row in db.rows(AUDIT)] == [f"Patient/{long}", f"{kind}/{long}"[:80]]
    narrow = Api(desk.application(held="system/Patient.r?gender=female"))
    narrow.get(f"Patient/{long}")
    assert len(db.rows(AUDIT)) == 3


@pytest.mark.feature("C15", "B02")
def test_a_token_that_is_known_still_ends(api: Api, monkeypatch: Any) -> None:
    """A signature is computed once; the end of the token and of the application still hold."""
    api.get("Patient")
    computed: list[str] = []
    whole = access._decoded
    monkeypatch.setattr(access, "_decoded", lambda token: computed.append(token) or whole(token))
    api.get("Patient")
    assert computed == []
    monkeypatch.setattr(access, "TOKEN_SECONDS", -1)
    ended = desk.token(Application.objects.get())
    for claims in (
        None,
        {"sub": Application.objects.get().client_id, "scope": "system/*.r", "exp": int(time.time()) - 1},
    ):
        if claims:
            access._claims[ended] = claims  # as if it had been known while it lived
        api.client.get("/fhir/r4/Patient", headers={"authorization": f"Bearer {ended}"})
        assert access._behind(ended) is None
    Application.objects.update(revoked_at=now())
    monkeypatch.setattr(access, "KNOWN_SECONDS", 0.0)
    api.get("Patient", 401)
