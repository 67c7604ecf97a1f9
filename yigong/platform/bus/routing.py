"""Which ways each journalled message takes: conditions judged for many messages at once, deliveries written in one statement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction
from django.db.models import Prefetch

from yigong.kit.clock import now
from yigong.platform.bus import runs
from yigong.platform.bus.conditions import Condition, compile_condition, judge
from yigong.platform.bus.content import Content
from yigong.platform.bus.delivery import facts_of
from yigong.platform.bus.domain import SERVING, RouteState, SubscriptionState
from yigong.platform.bus.models import Delivery, Message, Route, Subscription, Target

_LOCK = 4_027_551_190_347  # one router at a time: deliveries are numbered in the order of their messages
BATCH = 500


class Way(NamedTuple):
    """A route that is being asked: its condition, and its targets with the subscribers behind them."""

    route: Route
    condition: Condition
    targets: Sequence[Target]


class Planned(NamedTuple):
    """What becomes of a message."""

    message: Message
    target: Target
    endpoint_id: int
    priority: int


@transaction.atomic
def route(limit: int = BATCH) -> int:
    """Decide the ways of messages that have none yet, eldest first; how many messages."""
    if not _alone():
        return 0
    waiting = Message.objects.select_related("endpoint__service").select_for_update(of=("self",), skip_locked=True)
    messages = list(waiting.filter(routed_at=None).order_by("pk")[:limit])
    if not messages:
        return 0
    at, found = now(), ways()
    hits = decide(found, messages)
    write([p for hit in hits for p in _planned(*hit)], at)
    for message, way in hits:
        for target in way.targets:
            if target.process_id:
                runs.begin_for(target, message, at)
    Message.objects.filter(pk__in=[m.pk for m in messages]).update(routed_at=at)
    return len(messages)


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s::bigint)", [_LOCK])
        return bool(cursor.fetchone()[0])  # type: ignore[index]


def ways(*, only: Route | None = None) -> list[Way]:
    """The active routes in the order in which they are asked; *only* one, whatever its state."""
    chosen = Route.objects.filter(pk=only.pk) if only else Route.objects.filter(state=RouteState.ACTIVE)
    targets = Target.objects.filter(is_active=True).select_related("endpoint", "service", "process").order_by("pk")
    routes = chosen.prefetch_related(Prefetch("targets", targets)).order_by("position", "pk")
    return [Way(r, compile_condition(r.condition), list(r.targets.all())) for r in routes]


def decide(found: Sequence[Way], messages: Sequence[Message]) -> list[tuple[Message, Way]]:
    """Which ways take which messages, in the order of the messages; after a way that is the last none is asked."""
    contents = [Content(bytes(m.raw)) for m in messages]
    facts = [{**facts_of(m), "form": c.form} for m, c in zip(messages, contents, strict=True)]
    held = judge([w.condition for w in found], facts, contents)
    return [(m, w) for m, row in zip(messages, held, strict=True) for w in _until_last(found, row)]


def _until_last(found: Sequence[Way], held: Sequence[bool]) -> Iterable[Way]:
    for way, holds in zip(found, held, strict=True):
        if holds:
            yield way
            if way.route.is_last:
                return


def _planned(message: Message, way: Way) -> Iterable[Planned]:
    for target in way.targets:
        if target.endpoint_id:
            yield Planned(message, target, target.endpoint_id, way.route.priority)
        if target.service_id and target.service and target.service.state in SERVING:
            for endpoint_id in told(target.service_id, message):
                yield Planned(message, target, endpoint_id, way.route.priority)


def told(service_id: int, message: Message) -> list[int]:
    """The endpoints of the subscribers that a service tells of this message."""
    active = Subscription.objects.filter(service_id=service_id, state=SubscriptionState.ACTIVE, endpoint__isnull=False)
    those = list(active.order_by("pk"))
    content = Content(bytes(message.raw))
    held = judge(
        [compile_condition(s.condition) for s in those], [{**facts_of(message), "form": content.form}], [content]
    )
    return [s.endpoint_id for s, holds in zip(those, held[0], strict=True) if holds and s.endpoint_id]


def write(planned: Sequence[Planned], at: datetime) -> None:
    """The deliveries, each once."""
    rows = [
        Delivery(message=p.message, target=p.target, endpoint_id=p.endpoint_id, priority=p.priority) for p in planned
    ]
    for row in rows:
        row.created_at = row.due_at = at
        row.partition_key = row.message.partition_key
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)
