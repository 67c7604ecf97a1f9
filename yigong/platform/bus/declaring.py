"""What a module or an installation declares in one call each: a published service, a subscriber, an active route, a message said."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from yigong.kit.ctx import Ctx
from yigong.platform.bus import golden, register, routes, routing, services
from yigong.platform.bus.domain import RouteState, SubscriptionState
from yigong.platform.bus.envelope import Envelope
from yigong.platform.bus.journal import accept
from yigong.platform.bus.models import Endpoint, Message, Route, Service, Subscription

LOOKED = 500


def publish(ctx: Ctx, code: str, *, version: str, **facts: Any) -> Service:
    """A service of the register, published if it was a draft."""
    found = register.save_service(ctx, code, version, **facts)
    return register.move_service(ctx, found.pk, "publish") if found.state == "draft" else found


def tell(ctx: Ctx, service: str, *, caller: str, endpoint: str, **facts: Any) -> Subscription:
    """A subscriber whose endpoint is told of a service, approved; one that is there stays as it is."""
    known = (
        Subscription.objects.filter(service__code=service, caller=caller).exclude(state=SubscriptionState.ENDED).first()
    )
    if known:
        return known
    pushed = Endpoint.objects.get(code=endpoint)
    found = register.subscribe(ctx, Service.objects.get(code=service).pk, caller=caller, endpoint=pushed, **facts)
    return register.move_subscription(ctx, found.pk, "approve")[0]


def activate(ctx: Ctx, route: Route) -> Route:
    """The route in use."""
    return route if route.state == RouteState.ACTIVE else routes.move_route(ctx, route.pk, "activate")


def known_route(code: str) -> bool:
    """Whether there is a route of this code."""
    return Route.objects.filter(code=code).exists()


def say(
    ctx: Ctx, service: str, *, kind: str, org_code: str, about: str, body: bytes, paths: Mapping[str, Sequence[str]]
) -> int:
    """Journal a message at the entry of a registered service, as its callers do over HTTP; 1 when it is new."""
    code = f"in/{service}"[:40]
    endpoint = Endpoint.objects.filter(code=code).first()
    if endpoint is None:
        row = Service.objects.get(code=service)
        endpoint = services.open_endpoint(ctx, code, kind="http", version=row.version)
        register.save_inward(ctx, endpoint.pk, service=row, name=row.name, paths=dict(paths))
    digest = hashlib.sha256(body).hexdigest()
    key = f"{org_code}|{about}" if about else digest
    sent = Envelope(
        body, digest, f"{service}^{org_code}"[:200], digest, kind[:40], "utf-8", org_code, about[:80], "", key[:200]
    )
    return accept(endpoint.pk, [sent])


def pin_latest(ctx: Ctx, code: str, name: str) -> bool:
    """Set the latest message that a route takes down as golden; False when there is none."""
    route = Route.objects.get(code=code)
    latest = list(Message.objects.select_related("endpoint__service").order_by("-pk")[:LOOKED])
    hit = next((m for m, _way in routing.decide(routing.ways(only=route), latest)), None)
    if hit is None or route.golden.filter(name=name).exists():
        return False
    golden.pin(ctx, route, hit.pk, name)
    return True
