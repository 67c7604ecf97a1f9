"""Applications made, changed, given a new secret, suspended; the secret is told once."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.hl7v3.access import digest
from yigong.platform.hl7v3.models import Application, ApplicationState
from yigong.platform.registry import api as registry
from yigong.security.api import audit

SHOWN = ("name", "org_code", "orgs", "aliases", "source_system", "services", "sandbox", "per_minute", "state")


@transaction.atomic
def save_application(
    ctx: Ctx, code: str, *, name: str, org_code: str, services: Sequence[str] = ("*",), orgs: Sequence[str] = (),
    aliases: Mapping[str, str] | None = None, source_system: str = "", sandbox: bool = False, per_minute: int = 600,
    new: bool = False,
) -> tuple[Application, str]:  # fmt: skip
    """The application with this code, and its secret when it is new (else empty).

    Raises Refused v3.code_taken (with *new*), v3.no_such_institution.
    """
    ctx.must("hl7v3.manage")
    found = Application.objects.filter(code=code).first()
    if found and new:
        raise Refused("v3.code_taken", number=code)
    for one in (org_code, *orgs):
        if registry.institution(one) is None:
            raise Refused("v3.no_such_institution", org_code=one)
    facts: dict[str, Any] = {
        "name": name, "org_code": org_code, "orgs": list(orgs), "aliases": dict(aliases or {}),
        "source_system": source_system or code, "services": list(services), "sandbox": sandbox, "per_minute": per_minute,
    }  # fmt: skip
    before = {n: getattr(found, n) for n in facts} if found else None
    secret = ""
    if found is None:
        secret = secrets.token_urlsafe(32)
        found = Application(code=code, created_at=now(), state=ApplicationState.ACTIVE)
        _set_secret(found, secret)
    for field, value in facts.items():
        setattr(found, field, value)
    found.save()
    audit(ctx, "hl7v3.manage", "hl7v3_application", found.pk, before=before, after=facts)
    return found, secret


def _set_secret(application: Application, secret: str) -> None:
    application.secret_sha256, application.secret_end, application.secret_at = digest(secret), secret[-4:], now()


@transaction.atomic
def renew_secret(ctx: Ctx, application_id: int) -> tuple[Application, str]:
    """A new secret; the old one is void at once. Raises Refused v3.no_application."""
    ctx.must("hl7v3.manage")
    found, secret = _held(application_id), secrets.token_urlsafe(32)
    _set_secret(found, secret)
    found.save()
    audit(ctx, "hl7v3.manage", "hl7v3_application", found.pk, after={"secret": "renewed"})
    return found, secret


@transaction.atomic
def set_state(ctx: Ctx, application_id: int, state: ApplicationState) -> Application:
    """Suspend, resume or revoke. Raises Refused v3.no_application, v3.suspended for one that is revoked."""
    ctx.must("hl7v3.manage")
    found = _held(application_id)
    if found.state == ApplicationState.REVOKED:
        raise Refused("v3.suspended", application=found.code)
    before, found.state = found.state, state
    found.save()
    audit(ctx, "hl7v3.manage", "hl7v3_application", found.pk, before={"state": before}, after={"state": state})
    return found


def _held(application_id: int) -> Application:
    found = Application.objects.select_for_update().filter(pk=application_id).first()
    if found is None:
        raise Refused("v3.no_application")
    return found
