"""The register: services with their versions and life, endpoints, subscriptions."""

from __future__ import annotations

import hashlib
import importlib
import secrets
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import IntegrityError, transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx, system
from yigong.kit.errors import Refused
from yigong.platform.bus import gate
from yigong.platform.bus.conditions import compile_condition
from yigong.platform.bus.content import path_form
from yigong.platform.bus.domain import SERVICE, SERVING, SUBSCRIPTION, Side, SubscriptionState
from yigong.platform.bus.models import SENDS, Endpoint, Service, ServiceMove, Subscription
from yigong.security.api import audit

SERVICE_FACTS = ("name", "name_en", "summary", "kind", "owner_org", "quota_per_minute")
ENDPOINT_FACTS = (
    "name", "kind", "version", "org_code", "state", "address", "options", "concurrency", "per_minute", "timeout_seconds",
    "keep_trying_hours", "keep_days", "paths", "service",
)  # fmt: skip
#: kinds that are sent to, and what their address looks like
ADDRESSES = {
    "http": "https://host/path", "fhir": "https://host/fhir/Type", "soap": "https://host/service", "mllp": "host:port",
    "kafka": "topic", "file": "/folder",
}  # fmt: skip
OPTIONS = {"headers", "auth", "login", "method", "action", "verify"}
NUMBERS = ("patient", "order", "visit", "document")
LONGEST_TIMEOUT = 60


@transaction.atomic
def save_service(ctx: Ctx, code: str, version: str, **facts: Any) -> Service:
    """Register a service, or bring this version of it to these facts. Raises Refused not_permitted, wrong_state."""
    ctx.must("bus.manage")
    found = Service.objects.select_for_update().filter(code=code, version=version).first()
    if found and found.state == "retired":
        raise Refused("wrong_state", verb="save", state=found.state, allowed=[])
    before = {f: getattr(found, f) for f in SERVICE_FACTS} if found else None
    given = {k: v for k, v in facts.items() if k in (*SERVICE_FACTS, "origin")}
    found, _made = Service.objects.update_or_create(
        code=code, version=version, defaults=given, create_defaults={**given, "created_at": now()}
    )
    audit(ctx, "bus.manage", "bus_service", found.pk, before=before, after=given)
    return found


@transaction.atomic
def move_service(ctx: Ctx, service_id: int, verb: str, *, reason: str = "") -> Service:
    """Make the move *verb*, guarded by the life cycle. Raises Refused wrong_state, missing, bus.still_subscribed."""
    ctx.must("bus.manage")
    found = Service.objects.select_for_update().filter(pk=service_id).first()
    if found is None:
        raise Refused("bus.no_such_service")
    step = SERVICE.move(found.state, verb, side=Side.PERSON, given={"reason": reason})
    if verb == "retire":
        _nobody_left(found)
    before, found.state = found.state, step.target
    found.save(update_fields=["state"])
    ServiceMove.objects.create(
        service=found, verb=verb, source=before, target=found.state, reason=reason, actor_name=ctx.actor_name, at=now()
    )
    audit(ctx, "bus.manage", "bus_service", found.pk, before={"state": before}, after={"state": found.state})
    return found


def _nobody_left(service: Service) -> None:
    left = service.subscriptions.exclude(state=SubscriptionState.ENDED).values_list("caller", flat=True)
    if left:
        raise Refused("bus.still_subscribed", service=service.name, callers=sorted(left)[:10])


@transaction.atomic
def save_outward(ctx: Ctx, code: str, **facts: Any) -> Endpoint:
    """Declare an endpoint that messages are sent to, with its gate.

    Raises Refused bus.bad_address, bus.bad_options, bus.bad_timeout.
    """
    ctx.must("bus.manage")
    given = {k: v for k, v in facts.items() if k in ENDPOINT_FACTS}
    _check_address(str(given.get("kind", "")), str(given.get("address", "")))
    if unknown := sorted(set(given.get("options", {})) - OPTIONS):
        raise Refused("bus.bad_options", unknown=unknown, known=sorted(OPTIONS))
    if not 1 <= given.get("timeout_seconds", 10) <= LONGEST_TIMEOUT:
        raise Refused("bus.bad_timeout", most=LONGEST_TIMEOUT)
    return _keep(ctx, code, {**given, "direction": SENDS})


@transaction.atomic
def save_inward(ctx: Ctx, endpoint_id: int, **facts: Any) -> Endpoint:
    """Change what is kept of a place where messages arrive: name, service, days, paths of business numbers."""
    ctx.must("bus.manage")
    found = Endpoint.objects.filter(pk=endpoint_id).exclude(direction=SENDS).first()
    if found is None:
        raise Refused("bus.no_such_endpoint")
    for kind, paths in facts.get("paths", {}).items():
        if kind not in NUMBERS or not isinstance(paths, list):
            raise Refused("bus.bad_numbers", known=list(NUMBERS))
        for path in paths:
            path_form(str(path))
    may = {"name", "service", "keep_days", "quota", "paths", "org_code", "state", "takes_tests"}
    return _keep(ctx, found.code, {k: v for k, v in facts.items() if k in may})


def _keep(ctx: Ctx, code: str, given: dict[str, Any]) -> Endpoint:
    before = Endpoint.objects.filter(code=code).first()
    if before and "direction" in given and before.direction != given["direction"]:
        raise Refused("bus.code_taken", endpoint=code)
    plain = {k: v for k, v in given.items() if k != "service"}
    old = {k: getattr(before, k) for k in plain} if before else None
    found, _made = Endpoint.objects.update_or_create(
        code=code, defaults=given, create_defaults={**given, "created_at": now()}
    )
    if found.direction == SENDS:
        gate.make(found)
    audit(ctx, "bus.manage", "bus_endpoint", found.pk, before=old, after=plain)
    return found


def _check_address(kind: str, address: str) -> None:
    form = ADDRESSES.get(kind)
    if form is None:
        raise Refused("bus.bad_kind", kind=kind, known=sorted(ADDRESSES))
    match kind:
        case "http" | "fhir" | "soap":
            parts = urlsplit(address)
            good = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        case "mllp":
            host, _sep, port = address.rpartition(":")
            good = bool(host) and port.isdigit() and 0 < int(port) < 65536
        case "file":
            good = address.startswith("/") and ".." not in address
        case _:
            good = bool(address) and all(c.isalnum() or c in "._-" for c in address)
    if not good:
        raise Refused("bus.bad_address", address=address[:100], form=form)


# ---- subscriptions ----


@transaction.atomic
def subscribe(
    ctx: Ctx, service_id: int, *, caller: str, org_code: str, reason: str, endpoint: Endpoint | None = None,
    condition: str = "", quota_per_minute: int = 0,
) -> Subscription:  # fmt: skip
    """Ask that a system may call a service, or that its endpoint is told of it.

    Raises Refused bus.not_serving, bus.subscribed_already, bus.bad_condition.
    """
    ctx.must("bus.subscribe")
    service = Service.objects.filter(pk=service_id).first()
    if service is None:
        raise Refused("bus.no_such_service")
    if service.state not in SERVING:
        raise Refused("bus.not_serving", service=service.name)
    compile_condition(condition)
    facts = {
        "caller": caller, "org_code": org_code, "reason": reason, "endpoint": endpoint, "condition": condition,
        "quota_per_minute": quota_per_minute,
    }  # fmt: skip
    try:
        with transaction.atomic():
            found = Subscription.objects.create(service=service, created_at=now(), **facts)
    except IntegrityError as error:
        raise Refused("bus.subscribed_already", caller=caller, service=service.name) from error
    audit(ctx, "bus.subscribe", "bus_subscription", found.pk, after={"caller": caller, "service": service.code})
    return found


@transaction.atomic
def move_subscription(ctx: Ctx, subscription_id: int, verb: str, *, reason: str = "") -> tuple[Subscription, str]:
    """Make the move *verb*; approving gives the key it calls with, which is shown once and kept as a digest only."""
    ctx.must("bus.manage")
    found = Subscription.objects.select_for_update().filter(pk=subscription_id).first()
    if found is None:
        raise Refused("bus.no_such_subscription")
    before = found.state
    found.state = SUBSCRIPTION.move(found.state, verb, side=Side.PERSON, given={"reason": reason}).target
    key = ""
    if verb == "approve" and found.endpoint_id is None:
        key = secrets.token_urlsafe(32)
        found.key_digest, found.key_end = digest(key), key[-4:]
    if found.state == SubscriptionState.ENDED:
        found.key_digest = ""
    found.save()
    after = {"state": found.state, "reason": reason}
    audit(ctx, "bus.manage", "bus_subscription", found.pk, before={"state": before}, after=after)
    return found, key


def digest(key: str) -> str:
    """What is kept of a key. It has 256 bits of chance, so a plain digest tells nothing of it."""
    return hashlib.sha256(key.encode()).hexdigest()


@transaction.atomic
def offer(ctx: Ctx, origin: str, offers: list[dict[str, Any]]) -> int:
    """Bring the services a module declares into the register, with the endpoint each is called at; how many are new.

    New ones are published. What a person has made of a known one (its state, its quota) stays.
    """
    new = 0
    for said in offers:
        facts = {k: v for k, v in said.items() if k != "endpoint"}
        known = Service.objects.filter(code=facts["code"], version=facts["version"]).first()
        if known is None:
            known = save_service(ctx, origin=origin, **facts)
            move_service(ctx, known.pk, "publish")
            new += 1
        elif known.state != "retired" and any(getattr(known, k) != v for k, v in facts.items()):
            known = save_service(ctx, origin=origin, **facts)
        if "endpoint" in said:
            Endpoint.objects.filter(code=said["endpoint"], service=None).update(service=known)
    return new


def gather() -> int:
    """The services of every module of the wiring; how many are new."""
    new = 0
    for origin, path in getattr(settings, "BUS_SERVICES", {}).items():
        module, _sep, name = path.partition(":")
        new += offer(system(), origin, getattr(importlib.import_module(module), name)())
    return new
