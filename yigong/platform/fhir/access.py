"""OAuth2 for programs: client credentials by secret or signed assertion, access tokens, who they make the caller."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
from django.conf import settings
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx, Purpose, Reach
from yigong.kit.errors import Refused
from yigong.platform.bus import api as bus
from yigong.platform.fhir import scopes
from yigong.platform.fhir.callers import Caller
from yigong.platform.fhir.models import Application, Assertion
from yigong.platform.fhir.offers import SERVICE
from yigong.platform.fhir.official import definitions

TOKEN_SECONDS = 300
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ALGORITHMS = ("RS384", "ES384", "RS256", "ES256")
#: a revoked application is out after so many seconds in every process
KNOWN_SECONDS = 5.0
_AUDIENCE = "yigong-fhir"
#: signatures that are known to hold; whether the application may still ask is looked up besides
KNOWN_TOKENS = 10_000
_claims: dict[str, dict[str, Any]] = {}
_known: dict[str, tuple[float, Application | None]] = {}
_agreed: dict[str, tuple[float, bus.Agreed]] = {}


class Denied(Exception):  # noqa: N818
    """The token endpoint says no, in the words of RFC 6749."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(error)
        self.error, self.description, self.status = error, description, status


def base_url(request: HttpRequest) -> str:
    """The address of this FHIR server, ends with a slash."""
    return request.build_absolute_uri("/fhir/r4/")


def token_url(request: HttpRequest) -> str:
    """Where tokens are given."""
    return base_url(request) + "auth/token"


def new_secret() -> tuple[str, str]:
    """A secret to be shown once, and what is kept of it."""
    secret = secrets.token_urlsafe(32)
    return secret, secret_hash(secret)


def secret_hash(secret: str) -> str:
    """Digest of a secret of 256 random bits; no salt or stretching adds anything to those."""
    return hashlib.sha256(f"yigong-fhir:{secret}".encode()).hexdigest()


def grant_token(form: dict[str, str], basic: tuple[str, str] | None, url: str) -> dict[str, Any]:
    """The answer of the token endpoint. Raises Denied."""
    if form.get("grant_type") != "client_credentials":
        raise Denied("unsupported_grant_type", "only client_credentials is served")
    if form.get("client_assertion_type") == ASSERTION_TYPE:
        application = _by_assertion(form.get("client_assertion", ""), url)
    else:
        client, secret = basic or (form.get("client_id", ""), form.get("client_secret", ""))
        application = _by_secret(client, secret)
    return _token(application, form.get("scope", ""))


def _by_secret(client_id: str, secret: str) -> Application:
    application = Application.objects.filter(client_id=client_id, revoked_at=None).first()
    kept = application.secret_hash if application else ""
    good = hmac.compare_digest(kept or "-", secret_hash(secret))
    if application is None or not kept or not good:
        raise Denied("invalid_client", "unknown client or wrong secret", 401)
    return application


def _by_assertion(assertion: str, url: str) -> Application:
    try:
        head = jwt.get_unverified_header(assertion)
        said = jwt.decode(assertion, options={"verify_signature": False})
        application = Application.objects.filter(client_id=str(said.get("iss", "")), revoked_at=None).first()
        if application is None or not application.jwks or head.get("alg") not in ALGORITHMS:
            raise Denied("invalid_client", "unknown client, key or algorithm", 401)
        keys = [k for k in jwt.PyJWKSet.from_dict(application.jwks).keys if k.key_id == head.get("kid")]
        if not keys:
            raise Denied("invalid_client", "no key of this kid", 401)
        claims = jwt.decode(assertion, keys[0].key, algorithms=[head["alg"]], audience=url, leeway=10,
                            options={"require": ["exp", "iss", "sub", "aud", "jti"]})  # fmt: skip
    except (jwt.PyJWTError, jwt.PyJWKSetError, ValueError, KeyError, TypeError) as error:
        raise Denied("invalid_client", f"the assertion does not hold: {type(error).__name__}", 401) from error
    _once(application, claims)
    return application


def _once(application: Application, claims: dict[str, Any]) -> None:
    """An assertion lives five minutes at most and is taken once."""
    expires = datetime.fromtimestamp(claims["exp"], UTC)
    if claims["sub"] != claims["iss"] or expires > now() + timedelta(minutes=6):
        raise Denied("invalid_client", "sub must be iss, and exp within five minutes", 401)
    Assertion.objects.filter(expires_at__lt=now() - timedelta(minutes=5)).delete()
    try:
        with transaction.atomic():
            Assertion.objects.create(application=application, jti=str(claims["jti"])[:200], expires_at=expires)
    except IntegrityError as error:
        raise Denied("invalid_client", "the assertion was used before", 401) from error


def _token(application: Application, asked: str) -> dict[str, Any]:
    held = scopes.parse(application.scopes)
    try:
        wanted = scopes.parse(asked, definitions().types) if asked else held
    except Refused as refused:
        raise Denied("invalid_scope", str(refused.facts.get("scope", ""))) from refused
    if not scopes.within(wanted, held):
        raise Denied("invalid_scope", "more than the application holds")
    Application.objects.filter(pk=application.pk).update(last_used_at=now())
    claims = {
        "sub": application.client_id,
        "scope": str(wanted),
        "aud": _AUDIENCE,
        "exp": int(time.time()) + TOKEN_SECONDS,
    }
    token = jwt.encode(claims, _key(), algorithm="HS256")
    return {"access_token": token, "token_type": "bearer", "expires_in": TOKEN_SECONDS, "scope": str(wanted)}


def _key() -> bytes:
    return hashlib.sha256(f"fhir token {settings.SECRET_KEY}".encode()).digest()


def caller_of(request: HttpRequest) -> Caller:
    """The application behind a bearer token. Raises Refused fhir.no_token, fhir.over_quota, fhir.suspended."""
    head = request.headers.get("Authorization", "")
    found = _behind(head[7:].strip()) if head[:7].lower() == "bearer " else None
    if found is None:
        raise Refused("fhir.no_token", token_url=token_url(request))
    _counted(found[0])
    prefer = request.headers.get("Prefer", "")
    return caller(found[0], found[1]["scope"], request, strict="handling=strict" in prefer)


def _counted(application: Application) -> None:
    """One request of a client's quota, as the register of the bus has it. Raises Refused fhir.over_quota, fhir.suspended."""
    kept = _agreed.get(application.client_id)
    if kept is None or time.monotonic() - kept[0] > KNOWN_SECONDS:
        said = bus.agreed(SERVICE, application.client_id, application.org_code)
        kept = _agreed[application.client_id] = (time.monotonic(), said)
    said = kept[1]
    if said.is_suspended:
        raise Refused("fhir.suspended", client=application.client_id)
    if said.subscription_id is not None:
        try:
            bus.spend(said.subscription_id)
        except Refused as refused:
            raise Refused("fhir.over_quota", **refused.facts) from refused


def _behind(token: str) -> tuple[Application, dict[str, Any]] | None:
    """The application that a token names and what the token says; None when either does not hold."""
    claims = _claims.get(token)
    if claims is None or claims["exp"] <= time.time():
        claims = _decoded(token)
    application = _application(claims["sub"]) if claims else None
    return (application, claims) if application and claims else None


def _decoded(token: str) -> dict[str, Any] | None:
    """What a token says whose signature holds; kept as long as it lives, since the same one comes with every request."""
    try:
        claims: dict[str, Any] = jwt.decode(token, _key(), algorithms=["HS256"], audience=_AUDIENCE)
    except (jwt.PyJWTError, ValueError):
        return None
    if len(_claims) >= KNOWN_TOKENS:
        _claims.clear()
    _claims[token] = claims
    return claims


def reader_of_persons(token: str) -> tuple[Ctx, float] | None:
    """Who asks with a token that lets persons be searched (``Patient.s``), and when it ends (seconds since 1970).

    For doors outside FHIR that know persons; None when the token does not hold or does not say so.
    """
    found = _behind(token)
    if found is None:
        return None
    known = caller(found[0], found[1]["scope"])
    searched = known.scopes.of("Patient", "s") and not known.scopes.queries("Patient", "s")
    return (replace(known.ctx, actions=frozenset({"empi.lookup"})), float(found[1]["exp"])) if searched else None


@lru_cache(maxsize=1024)
def _scopes(held: str) -> scopes.Scopes:
    return scopes.parse(held)


def caller(application: Application, held: str, request: HttpRequest | None = None, *, strict: bool = False) -> Caller:
    """What an application may do and see, with these scopes."""
    ctx = Ctx(
        actor_id=-application.pk,  # below zero: no user
        actor_name=application.name[:60],
        role="application",
        org_code=application.org_code,
        orgs=(application.org_code,),
        actions=frozenset({"fhir.read", "fhir.write"}),
        reach=Reach(application.reach),
        purpose=Purpose.TREATMENT,
        request_id=getattr(request, "request_id", "") or secrets.token_hex(8),
        address=request.META.get("REMOTE_ADDR", "") if request is not None else "",
    )
    base = base_url(request) if request is not None else ""
    return Caller(ctx, _scopes(held), application.source_system, application.identifier_system, application.pk,
                  base, strict)  # fmt: skip


def _application(client_id: str) -> Application | None:
    """The application if it may still ask; looked up every few seconds."""
    kept = _known.get(client_id)
    if kept is None or time.monotonic() - kept[0] > KNOWN_SECONDS:
        kept = (time.monotonic(), Application.objects.filter(client_id=client_id, revoked_at=None).first())
        if len(_known) > 1000:
            _known.clear()
        _known[client_id] = kept
    return kept[1]


def forget() -> None:
    """Look every application up again; for those that were just revoked in this process, and for tests."""
    _known.clear()
    _claims.clear()
    _agreed.clear()
