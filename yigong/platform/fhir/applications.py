"""The register of applications: made, shown, revoked; each act audited, a secret shown once."""

from __future__ import annotations

import json
import secrets
from typing import Any

import jwt
from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.fhir import access, scopes
from yigong.platform.fhir.models import Application
from yigong.platform.fhir.official import definitions
from yigong.platform.registry import api as registry
from yigong.security.api import audit


@transaction.atomic
def register(
    ctx: Ctx, *, name: str, org_code: str, held: str, source_system: str = "FHIR", identifier_system: str = "",
    jwks: str = "",
) -> tuple[Application, str]:  # fmt: skip
    """A new application and its secret; with a public key there is none.

    Raises Refused fhir.institution_unknown, fhir.scope_unknown, fhir.key_wrong.
    """
    ctx.must("fhir.register")
    if registry.institution(org_code) is None:
        raise Refused("fhir.institution_unknown", org_code=org_code)
    if not scopes.parse(held, definitions().types).all:
        raise Refused("fhir.scope_unknown", scope=held)
    secret, digest = ("", "") if jwks else access.new_secret()
    made = Application.objects.create(
        client_id=f"{org_code}-{secrets.token_hex(6)}", name=name, org_code=org_code, scopes=" ".join(held.split()),
        source_system=source_system, identifier_system=identifier_system, secret_hash=digest,
        jwks=_keys(jwks) if jwks else None, made_by=ctx.actor_id, made_at=now(),
    )  # fmt: skip
    audit(ctx, "fhir.register", "fhir_application", made.pk, after={"org_code": org_code, "scopes": made.scopes})
    return made, secret


def _keys(text: str) -> dict[str, Any]:
    try:
        said = json.loads(text)
        found = jwt.PyJWKSet.from_dict(said)
    except (ValueError, TypeError, AttributeError, jwt.PyJWTError, jwt.PyJWKSetError) as error:
        raise Refused("fhir.key_wrong") from error
    if not all(k.key_id for k in found.keys) or any("d" in k for k in said["keys"]):
        raise Refused("fhir.key_wrong")
    return dict(said)


def application(ctx: Ctx, number: int) -> Application:
    """One application. Raises Refused fhir.no_such_application."""
    ctx.must("fhir.applications")
    found = Application.objects.filter(pk=number).first()
    if found is None:
        raise Refused("fhir.no_such_application")
    return found


@transaction.atomic
def revoke(ctx: Ctx, number: int) -> Application:
    """No more tokens; those that are out end within seconds."""
    ctx.must("fhir.revoke")
    found = Application.objects.select_for_update().filter(pk=number).first()
    if found is None:
        raise Refused("fhir.no_such_application")
    if found.revoked_at is None:
        found.revoked_at = now()
        found.save(update_fields=["revoked_at"])
        audit(ctx, "fhir.revoke", "fhir_application", number)
    access.forget()
    return found
