"""An invented county with two hospitals and their applications, for tests of FHIR."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
from django.test import Client

from yigong.kit import ctx as actors
from yigong.kit.clock import now
from yigong.platform.fhir import access, scopes
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.models import Application
from yigong.platform.registry import api as registry

HOSPITAL, CLINIC = "100000001X", "1000000028"
SECRET, SECRET_HASH = access.new_secret()


def county() -> None:
    """Register the two institutions."""
    rows = [
        {"year": 2026, "code": HOSPITAL, "name": "青禾县人民医院", "short_name": "县医", "kind": "county_hospital"},
        {"year": 2026, "code": CLINIC, "name": "青禾县柳林镇卫生院", "short_name": "柳林", "kind": "township_centre"},
    ]
    registry.save_institutions(actors.system(), pl.DataFrame(rows))


def application(org_code: str = HOSPITAL, held: str = "system/*.cruds", **facts: Any) -> Application:
    """An application of an institution; its secret is SECRET."""
    access.forget()
    given = {
        "name": "检验系统",
        "source_system": "LIS",
        "secret_hash": SECRET_HASH,
        "made_by": 1,
        "made_at": now(),
        **facts,
    }
    client_id = given.pop("client_id", f"app-{org_code}-{Application.objects.count()}")
    return Application.objects.create(client_id=client_id, org_code=org_code, scopes=held, **given)


def caller(org_code: str = HOSPITAL, held: str = "system/*.cruds", **facts: Any) -> Caller:
    """The caller that an application of the institution makes."""
    found = access.caller(application(org_code, held, **facts), held)
    return Caller(
        found.ctx,
        scopes.parse(held),
        "LIS",
        found.identifier_system,
        found.application_id,
        "http://testserver/fhir/r4/",
    )


def token(app: Application) -> str:
    """An access token."""
    form = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": SECRET}
    return str(access.grant_token(form, None, "http://testserver/fhir/r4/auth/token")["access_token"])


PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "identifier": [{"system": "urn:oid:2.16.156.10011.1.3", "value": "110101199003070134"}],
    "name": [{"use": "official", "text": "王秀兰", "family": "王", "given": ["秀兰"]}],
    "gender": "female",
    "birthDate": "1990-03-07",
}


def observation(patient: str, value: float = 5.6, **facts: Any) -> dict[str, Any]:
    """A laboratory result."""
    return {
        "resourceType": "Observation",
        "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0", "display": "Glucose"}], "text": "葡萄糖"},
        "subject": {"reference": f"Patient/{patient}"},
        "effectiveDateTime": "2026-03-01T08:30:00+08:00",
        "valueQuantity": {"value": value, "unit": "mmol/L", "system": "http://unitsofmeasure.org", "code": "mmol/L"},
        **facts,
    }  # fmt: skip


class Api:
    """A program that speaks to the server by HTTP, through all of its middleware."""

    def __init__(self, app: Application) -> None:
        self.client = Client(headers={"authorization": f"Bearer {token(app)}"})

    def ask(self, method: str, path: str, body: Any = None, *, status: int | None = None, **headers: str) -> Any:
        """The answer's JSON (None when empty); its status must be *status* where that is given."""
        kind = headers.pop("content_type", "application/fhir+json")
        data = body if isinstance(body, bytes | str) else json.dumps(body) if body is not None else ""
        answer = self.client.generic(method, f"/fhir/r4/{path}", data, content_type=kind, headers=headers)
        self.last = answer
        assert status is None or answer.status_code == status, (answer.status_code, answer.content[:1500].decode())
        return json.loads(answer.content) if "json" in answer.get("Content-Type", "") and answer.content else None

    def get(self, path: str, status: int | None = 200, **headers: str) -> Any:
        """GET."""
        return self.ask("GET", path, status=status, **headers)

    def post(self, path: str, body: Any, status: int | None = 201, **headers: str) -> Any:
        """POST."""
        return self.ask("POST", path, body, status=status, **headers)

    def put(self, path: str, body: Any, status: int | None = None, **headers: str) -> Any:
        """PUT."""
        return self.ask("PUT", path, body, status=status, **headers)


def ids(bundle: dict[str, Any], mode: str = "match") -> list[str]:
    """Logical ids of the entries of a searchset."""
    return [e["resource"]["id"] for e in bundle.get("entry", []) if e["search"]["mode"] == mode]
