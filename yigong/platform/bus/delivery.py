"""Deliveries on their way: claimed under the gate of their endpoint, sent outside any transaction, noted by the one who claimed.

A claim is committed before the first byte leaves and has a lease. A worker that dies between sending and noting leaves an
attempt without result; when the lease is over the message is sent again under the same idempotency key, and its receiver
acts once. Whoever comes back late with a result finds the fence moved on and notes nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple

from django.db import connection, transaction

from yigong.kit.clock import now
from yigong.kit.errors import Refused
from yigong.platform.bus import gate, senders
from yigong.platform.bus.content import Content
from yigong.platform.bus.domain import LAST_FAILURE, DeliveryState, Priority, backoff
from yigong.platform.bus.models import Attempt, Delivery, Endpoint, Message
from yigong.platform.bus.senders import AWAY, DELIVERED, REFUSED, Parcel, Result
from yigong.platform.bus.steps import transform

log = logging.getLogger("yigong.bus")
THREADS = 32
SHORT_SECONDS = 0.05
#: endpoints with something due, and how much of each class, counted no further than could be sent
DUE = """
select e.id, p.priority, count(d.id) from bus_endpoint e
cross join (values (0), (1), (2)) as p (priority)
cross join lateral (
    select d.id from bus_delivery d
    where d.endpoint_id = e.id and d.state = 'waiting' and d.priority = p.priority and d.due_at <= %(at)s
    limit %(most)s) d
where e.state = 'open' and e.direction = 'out'
group by 1, 2
"""
#: of each key only the eldest that is open
CLAIM = """
update bus_delivery set state = 'sending', attempts = attempts + 1, lease_until = %(lease)s
where id in (
    select d.id from bus_delivery d
    where d.endpoint_id = %(endpoint)s and d.state = 'waiting' and d.priority = %(priority)s and d.due_at <= %(at)s
    and not exists (
        select 1 from bus_delivery b
        where b.endpoint_id = d.endpoint_id and b.partition_key = d.partition_key and b.id < d.id
        and b.state in ('waiting', 'sending'))
    order by d.id limit %(count)s for update of d skip locked)
returning id, attempts
"""
#: the lease is over: its worker has died, which counts as a failure, for a message may be what kills workers
LAPSED = """
update bus_delivery set state = case when failures + 1 >= %(last)s then 'dead' else 'waiting' end, lease_until = null,
    failures = failures + 1, due_at = %(at)s, error = '{"code": "bus.worker_died"}'
where state = 'sending' and lease_until < %(at)s
"""


class Claimed(NamedTuple):
    """A delivery in hand, with the fence that says whose it is."""

    delivery: Delivery
    fence: int


def facts_of(message: Message) -> dict[str, str]:
    """What conditions and transformations may say of a message by a word."""
    return {
        "sender": message.sender, "type": message.kind, "institution": message.org_code,
        "endpoint": message.endpoint.code, "patient": message.local_id, "order": message.order_no,
        "control": message.control_id,
        "service": message.endpoint.service.code if message.endpoint.service else "",
    }  # fmt: skip


def deliver() -> int:
    """Take in hand what is due, as many as there are threads free, and send; how many are in hand.

    It does not wait for slow receivers: what they hold goes on while the next turn serves the others. Nothing is claimed
    that could not be sent at once, so that no lease runs out in a queue.
    """
    lapse()
    free = THREADS - len(_running())
    claimed = claim(free) if free else []
    _in_hand.update(pool().submit(_carry, one) for one in claimed)
    if _in_hand:
        wait(_in_hand, SHORT_SECONDS, FIRST_COMPLETED)
    return max(len(claimed), len(_running()))


def finish() -> None:
    """Wait for what is in hand."""
    wait(_in_hand)


def _running() -> set[Future[None]]:
    _in_hand.difference_update([f for f in _in_hand if f.done()])
    return _in_hand


_in_hand: set[Future[None]] = set()


@cache
def pool() -> ThreadPoolExecutor:
    """The threads that wait for answers; they keep their connections."""
    return ThreadPoolExecutor(THREADS, "bus-delivery")


def lapse() -> int:
    """Take back what workers that died had in hand; how many."""
    with connection.cursor() as cursor:
        cursor.execute(LAPSED, {"last": LAST_FAILURE, "at": now()})
        return int(cursor.rowcount)


def claim(limit: int) -> list[Claimed]:
    """Take in hand what each endpoint may be sent now: breaker, quota, places, and the shares of the classes."""
    claimed: list[tuple[int, int]] = []
    for endpoint_id, waiting in _waiting(limit).items():
        if len(claimed) < limit:
            claimed += _claim_of(endpoint_id, waiting, limit - len(claimed))
    fences = dict(claimed)
    rows = Delivery.objects.select_related("message__endpoint__service", "endpoint", "target").in_bulk(list(fences))
    return [Claimed(rows[pk], fence) for pk, fence in sorted(fences.items()) if pk in rows]


def _waiting(limit: int) -> dict[int, dict[Priority, int]]:
    with connection.cursor() as cursor:
        cursor.execute(DUE, {"at": now(), "most": limit})
        rows = cursor.fetchall()
    found: dict[int, dict[Priority, int]] = {}
    for endpoint_id, priority, count in rows:
        found.setdefault(endpoint_id, {})[Priority(priority)] = count
    return found


@transaction.atomic
def _claim_of(endpoint_id: int, waiting: Mapping[Priority, int], limit: int) -> list[tuple[int, int]]:
    at = now()
    held = gate.hold(endpoint_id, at)
    if held is None:
        return []
    endpoint = Endpoint.objects.get(pk=endpoint_id)
    under_way = Delivery.objects.filter(endpoint_id=endpoint_id, state=DeliveryState.SENDING).count()
    places = min(limit, endpoint.concurrency - under_way)
    if held.breaker.state != "closed" and under_way:
        places = 0  # the probe is under way
    claimed: list[tuple[int, int]] = []
    for priority, count in held.plan(waiting, places, at).items():
        claimed += _take(endpoint, priority, count, at)
    held.spend(len(claimed), at)
    moment = [Attempt(delivery_id=pk, number=number, began_at=at) for pk, number in claimed]
    Attempt.objects.bulk_create(moment)
    return claimed


def _take(endpoint: Endpoint, priority: Priority, count: int, at: datetime) -> list[tuple[int, int]]:
    lease = at + timedelta(seconds=4 * endpoint.timeout_seconds + 20)
    given: dict[str, Any] = {
        "endpoint": endpoint.pk,
        "priority": int(priority),
        "count": count,
        "at": at,
        "lease": lease,
    }
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, given)
        return cursor.fetchall()


def _carry(claimed: Claimed) -> None:
    """Transform, send, note; whatever goes wrong in between is noted too, and what cannot be noted lapses."""
    delivery, began = claimed.delivery, time.monotonic()
    body, error = None, None
    try:
        content = prepared(delivery)
        body = content.body if delivery.target.steps else None
        parcel = Parcel(content, delivery.idempotency_key, delivery.message.kind, delivery.partition_key)
        result = senders.send(delivery.endpoint, parcel)
    except Refused as refused:  # our own doing: the endpoint was not asked
        result, error = Result(REFUSED, refused.code[:60]), plain(refused)
    except Exception as wrong:
        log.exception("delivery %s", delivery.pk)
        result, error = Result(REFUSED, type(wrong).__name__[:60]), {"code": "bus.internal", "facts": {}}
    try:
        note(claimed, result, took_ms=int((time.monotonic() - began) * 1000), body=body, error=error)
    finally:
        connection.close()  # of this thread


def prepared(delivery: Delivery) -> Content:
    """The message as this way sends it. Raises what transformations raise."""
    content = Content(bytes(delivery.message.raw))
    return transform(content, delivery.target.steps, facts_of(delivery.message)) if delivery.target.steps else content


def plain(refused: Refused) -> dict[str, Any]:
    """A refusal as it is kept beside what it stopped."""
    return {"code": refused.code, "facts": {k: v for k, v in refused.facts.items() if isinstance(v, str | int | list)}}


@transaction.atomic
def note(
    claimed: Claimed, result: Result, *, took_ms: int, body: bytes | None = None, error: dict[str, Any] | None = None
) -> bool:
    """Write down what became of a sending; False when another has it in hand by now."""
    at = now()
    if error is None:
        gate.judged(claimed.delivery.endpoint_id, result.word != AWAY, result.answer, at)
    mine = Delivery.objects.select_for_update().filter(
        pk=claimed.delivery.pk, state=DeliveryState.SENDING, attempts=claimed.fence
    )
    row = mine.first()
    Attempt.objects.filter(delivery_id=claimed.delivery.pk, number=claimed.fence).update(
        took_ms=took_ms, result=result.word, answer=result.answer
    )
    if row is None:
        return False
    _settle(row, result, at, error)
    if body is not None:
        row.body = body
    row.save()
    return True


def _settle(row: Delivery, result: Result, at: datetime, error: dict[str, Any] | None) -> None:
    row.answer, row.lease_until = result.answer, None
    if result.word == DELIVERED:
        row.state, row.delivered_at, row.error = DeliveryState.DELIVERED, at, None
        return
    row.error = error or {"code": f"bus.{result.word}", "facts": {"answer": result.answer}}
    if result.word == AWAY:
        late = at - row.created_at > timedelta(hours=row.endpoint.keep_trying_hours)
        row.state, row.due_at = (
            (DeliveryState.DEAD, at) if late else (DeliveryState.WAITING, at + backoff(row.attempts))
        )
        return
    row.failures += 1
    dead = result.word == REFUSED or row.failures >= LAST_FAILURE
    row.state, row.due_at = (DeliveryState.DEAD if dead else DeliveryState.WAITING), at + backoff(row.failures)
