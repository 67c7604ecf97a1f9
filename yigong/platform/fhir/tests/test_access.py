"""Who may see what: tokens, scopes, institutions, grants, revocation."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.test import Client

from yigong.kit.clock import now
from yigong.kit.ctx import system
from yigong.platform.empi import api as empi
from yigong.platform.empi.models import Registration
from yigong.platform.fhir import access
from yigong.platform.fhir.tests import desk
from yigong.security.api import grant

pytestmark = pytest.mark.django_db


def two() -> tuple[desk.Api, desk.Api]:
    """Programs of two institutions."""
    desk.county()
    return desk.Api(desk.application()), desk.Api(desk.application(desk.CLINIC))


@pytest.mark.feature("B15", "B18")
def test_another_institution_sees_nothing_until_it_is_granted() -> None:
    """A patient of the hospital and their results are unknown to the clinic by read, search, chain, history and $everything."""
    hospital, clinic = two()
    patient = hospital.post("Patient", desk.PATIENT)["id"]
    result = hospital.post("Observation", desk.observation(patient))["id"]
    hidden = [
        f"Patient/{patient}",
        f"Observation/{result}",
        f"Observation/{result}/_history",
        f"Patient/{patient}/$everything",
    ]
    for path in hidden:
        clinic.get(path, 404)
    for search in ("Patient", "Observation?code=2339-0", "Observation?subject:Patient.name=王", "Patient?_has:Observation:patient:code=2339-0",
                   "Patient?_revinclude=Observation:patient"):  # fmt: skip
        assert clinic.get(search)["total"] == 0, search
    assert clinic.get("_history").get("entry", []) == []
    assert clinic.put(f"Observation/{result}", {**desk.observation(patient), "id": result}, 403)
    grant(system(), Registration.objects.get().pk, desk.CLINIC, because="referral.send", subject="referral:1", hours=1)
    for path in hidden:
        clinic.get(path, 200)
    assert clinic.get("Observation?subject:Patient.name=王")["total"] == 1
    assert clinic.put(f"Observation/{result}", {**desk.observation(patient), "id": result}, 403)


@pytest.mark.feature("B15")
def test_a_merge_moves_nothing_and_opens_what_belongs_together() -> None:
    """Two registrations become one person: each institution then sees the other's results, and no more after the undo."""
    hospital, clinic = two()
    mine = hospital.post("Patient", desk.PATIENT)["id"]
    other = {"resourceType": "Patient", "name": [{"text": "某人"}], "birthDate": "1950-01-01", "gender": "male"}
    theirs = clinic.post("Patient", other)["id"]
    hospital.post("Observation", desk.observation(mine))
    clinic.post("Observation", desk.observation(theirs))
    assert clinic.get("Observation")["total"] == 1
    persons = dict(Registration.objects.values_list("org_code", "person_id"))
    decision = empi.merge(system(), persons[desk.CLINIC], persons[desk.HOSPITAL], reason="同一人")
    assert clinic.get("Observation")["total"] == 2
    assert len(clinic.get(f"Patient/{theirs}/$everything")["entry"]) == 4
    empi.undo(system(), decision, reason="看错")
    assert clinic.get("Observation")["total"] == 1


@pytest.mark.feature("B18")
def test_scopes_are_part_of_every_query() -> None:
    """Types and acts outside the scopes are refused; a scope with a query shows only what meets it, included too."""
    desk.county()
    full = desk.Api(desk.application())
    patient = full.post("Patient", desk.PATIENT)["id"]
    lab = full.post("Observation", desk.observation(patient))["id"]
    vital = full.post("Observation", desk.observation(patient, category=[{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}]}]))["id"]  # fmt: skip
    narrow = desk.Api(desk.application(held="system/Observation.rs?category=laboratory system/Patient.s"))
    assert desk.ids(narrow.get("Observation")) == [lab]
    narrow.get(f"Observation/{lab}")
    narrow.get(f"Observation/{vital}", 404)
    narrow.get(f"Patient/{patient}", 403)
    narrow.get("Condition", 403)
    narrow.post("Observation", desk.observation(patient), 403)
    assert desk.ids(narrow.get("Patient?_revinclude=Observation:patient"), "include") == [lab]
    assert desk.ids(narrow.get("Observation?_include=Observation:patient"), "include") == []


@pytest.mark.feature("B18")
def test_tokens() -> None:
    """No token, a wrong secret, more scopes than held, a revoked application: each is refused."""
    desk.county()
    app = desk.application(held="system/Patient.rs")
    client = Client()
    assert client.get("/fhir/r4/Patient").status_code == 401
    form = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": desk.SECRET}
    url = "/fhir/r4/auth/token"
    assert client.post(url, form | {"client_secret": "wrong"}).status_code == 401
    assert client.post(url, form | {"scope": "system/Observation.rs"}).json()["error"] == "invalid_scope"
    token = client.post(url, form).json()
    assert token["expires_in"] == 300 and token["scope"] == "system/Patient.rs"
    bearer = {"authorization": f"Bearer {token['access_token']}"}
    assert client.get("/fhir/r4/Patient", headers=bearer).status_code == 200
    app.revoked_at = now()
    app.save()
    access.forget()
    assert client.get("/fhir/r4/Patient", headers=bearer).status_code == 401
    assert client.post(url, form).status_code == 401


@pytest.mark.feature("B18")
def test_signed_assertion() -> None:
    """An application with a public key gets a token for a signed assertion, once; another key's signature is refused."""
    desk.county()
    key, other = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    app = desk.application(secret_hash="", jwks={"keys": [{**public, "kid": "k1", "use": "sig", "alg": "RS384"}]})
    url = "http://testserver/fhir/r4/auth/token"

    def ask(signer: Any, **facts: Any) -> Any:
        claims = {
            "iss": app.client_id,
            "sub": app.client_id,
            "aud": url,
            "exp": int(time.time()) + 200,
            "jti": str(uuid.uuid4()),
            **facts,
        }
        assertion = jwt.encode(claims, signer, algorithm="RS384", headers={"kid": "k1"})
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": access.ASSERTION_TYPE,
            "client_assertion": assertion,
        }
        return Client().post("/fhir/r4/auth/token", form)

    assert ask(key).status_code == 200
    assert ask(other).status_code == 401
    assert ask(key, aud="http://elsewhere").status_code == 401
    assert ask(key, exp=int(time.time()) + 7200).status_code == 401
    assert [ask(key, jti="once").status_code for _ in range(2)] == [200, 401]


def test_what_a_client_learns_first() -> None:
    """The CapabilityStatement and the SMART configuration are open, and name the token endpoint."""
    said = Client().get("/fhir/r4/metadata").json()
    assert said["fhirVersion"] == "4.0.1" and len(said["rest"][0]["resource"]) > 140
    assert (
        Client()
        .get("/fhir/r4/.well-known/smart-configuration")
        .json()["token_endpoint"]
        .endswith("/fhir/r4/auth/token")
    )
