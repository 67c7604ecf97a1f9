"""Routes declared, tried and moved through their life."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.bus import golden, routing, selectors, steps
from yigong.platform.bus.conditions import compile_condition
from yigong.platform.bus.content import Content
from yigong.platform.bus.delivery import facts_of
from yigong.platform.bus.domain import ROUTE, Priority, Side
from yigong.platform.bus.models import SENDS, Endpoint, Message, Process, Route, Service, Target
from yigong.security.api import audit

TRIED = 500
AIMS = ("endpoint", "service", "process")


@transaction.atomic
def save_route(
    ctx: Ctx, code: str, *, name: str, condition: str, targets: Sequence[Mapping[str, Any]], position: int = 100,
    priority: int = Priority.ROUTINE, is_last: bool = False, accepted: str = "",
) -> Route:  # fmt: skip
    """Declare a route or bring it to these facts; *targets*: ``{endpoint | service | process: code, steps: […]}``.

    Messages that were decided before keep their ways. A version under which golden messages come out otherwise is saved with
    *accepted*, the reason. Raises Refused bus.bad_condition, bus.bad_target, bus.golden_differs and what steps raise.
    """
    ctx.must("bus.manage")
    compile_condition(condition)
    aims = [_aim(number, t) for number, t in enumerate(targets, start=1)]
    if not aims:
        raise Refused("bus.no_target")
    before = Route.objects.filter(code=code).values("name", "position", "condition", "priority", "is_last").first()
    same = Route.objects.filter(code=code).first()
    changed = golden.guard(same, golden.proposed(condition, targets), accepted) if same else 0
    facts = {
        "name": name, "position": position, "condition": condition.strip(), "priority": priority, "is_last": is_last,
    }  # fmt: skip
    found, _made = Route.objects.update_or_create(
        code=code, defaults=facts, create_defaults={**facts, "created_at": now()}
    )
    _replace(found, aims)
    after = {**facts, "targets": [dict(t) for t in targets]}
    after |= {"golden_changed": changed, "accepted": accepted[:300]} if changed else {}
    audit(ctx, "bus.manage", "bus_route", found.pk, before=before, after=after)
    return found


def _aim(number: int, said: Mapping[str, Any]) -> dict[str, Any]:
    """One target as it is kept."""
    named = [a for a in AIMS if said.get(a)]
    if len(named) != 1 or set(said) - {*AIMS, "steps"}:
        raise Refused("bus.bad_target", number=number)
    code = str(said[named[0]])
    found: Any = None
    match named[0]:
        case "endpoint":
            found = Endpoint.objects.filter(code=code, direction=SENDS).first()
        case "service":
            found = Service.objects.filter(code=code).exclude(state="retired").order_by("-pk").first()
        case _:
            found = Process.objects.filter(code=code).first()
    if found is None:
        raise Refused("bus.no_such_target", number=number, target=code[:60])
    return {named[0]: found, "steps": steps.check(said.get("steps", []))}


def _replace(route: Route, aims: Sequence[dict[str, Any]]) -> None:
    """The targets of a route; one that aims where it aimed stays the same row with its new steps."""
    kept: list[int] = []
    for aim in aims:
        where = {a: aim.get(a) for a in AIMS}
        same = route.targets.filter(**{a if v else f"{a}__isnull": v or True for a, v in where.items()})
        found = same.exclude(pk__in=kept).order_by("pk").first() or Target(route=route, **where)
        found.steps, found.is_active = aim["steps"], True
        found.save()
        kept.append(found.pk)
    route.targets.exclude(pk__in=kept).update(is_active=False)


@transaction.atomic
def move_route(ctx: Ctx, route_id: int, verb: str) -> Route:
    """Activate, pause or retire. Raises Refused bus.no_such_route, wrong_state."""
    ctx.must("bus.manage")
    found = Route.objects.select_for_update().filter(pk=route_id).first()
    if found is None:
        raise Refused("bus.no_such_route")
    before = found.state
    found.state = ROUTE.move(found.state, verb, side=Side.PERSON).target
    found.save(update_fields=["state"])
    audit(ctx, "bus.manage", "bus_route", found.pk, before={"state": before}, after={"state": found.state})
    return found


class Tried(NamedTuple):
    """What a route would do with a kept message; *sent* masked as the page shows messages, or why it cannot be sent."""

    message: Message
    target: Target
    sent: list[tuple[str, list[tuple[int, str]]]]
    refused: Refused | None


def try_route(ctx: Ctx, route: Route) -> tuple[int, int, list[Tried]]:
    """What a route would have done with the latest messages in reach: (looked at, taken, the newest three shown)."""
    ctx.must("bus.view")
    latest = list(selectors.messages(ctx).defer(None).select_related("endpoint__service").order_by("-pk")[:TRIED])
    hits = routing.decide(routing.ways(only=route), latest)
    return len(latest), len(hits), [_tried(m, t) for m, way in hits[:3] for t in way.targets]


def _tried(message: Message, target: Target) -> Tried:
    try:
        made = steps.transform(Content(bytes(message.raw)), target.steps, facts_of(message))
    except Refused as refused:
        return Tried(message, target, [], refused)
    return Tried(message, target, selectors.payload(made.body), None)
