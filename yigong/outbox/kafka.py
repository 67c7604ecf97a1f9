"""Events of the outbox to topics of Kafka, in the order they were said, at least once; without Kafka nothing is waiting.

An event ``referral.accepted`` goes to the topic ``yigong.referral``. Its key is the fact that the event names (``key``), else
its first: what happens to one thing stays in one partition, in order. Headers: ``event-id`` (by which a reader does a thing
once), ``event-name``, ``schema-version``, ``said-at``, ``content-type``. The value is the facts as JSON.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, models, transaction

from yigong.kit.clock import now
from yigong.kit.errors import Fault
from yigong.outbox.models import OutboxDelivery, OutboxEvent, OutboxRelay

log = logging.getLogger("yigong.outbox")
#: the name under which an event waits for Kafka among the handlers
HANDLER = "kafka"
_LOCK = 4_027_551_190_331  # one forwarder at a time: two would mix up the order
ANSWER_SECONDS = 20.0
LOOKED = 20_000  # latest events that are looked through for their topics


def topic(name: str) -> str:
    """The topic of an event's name."""
    return f"{settings.KAFKA_PREFIX}{name.partition('.')[0]}"


def forward(limit: int = 1000) -> int:
    """Send what waits, eldest first; how many the broker has acknowledged. Raises Fault when it acknowledged none.

    An event leaves the outbox only after the acknowledgement; ended in between, it is sent again with the same event-id.
    While it is paused nothing is sent, and everything waits.
    """
    if not settings.KAFKA:
        return 0
    try:
        return _forward(limit)
    except Fault as fault:
        _note(error=fault.code, reason=str(fault.facts.get("reason", ""))[:200], failed_at=now())
        raise


@transaction.atomic
def _forward(limit: int) -> int:
    if not _may_forward() or relay().is_paused:
        return 0
    waiting = list(OutboxDelivery.objects.filter(handler=HANDLER).select_related("event").order_by("event_id")[:limit])
    if not waiting:
        return 0
    failed, reason = _send([d.event for d in waiting])
    sent = [d.pk for d in waiting if d.event_id not in failed]
    OutboxDelivery.objects.filter(pk__in=sent).delete()
    if not sent:
        raise Fault("outbox.kafka_away", permanent=False, reason=reason)
    trouble = {"error": "outbox.kafka_partly", "reason": reason, "failed_at": now()} if failed else {}
    _note(sent=models.F("sent") + len(sent), sent_at=now(), **trouble)
    return len(sent)


def relay() -> OutboxRelay:
    """How the forwarding stands."""
    return OutboxRelay.objects.filter(name=HANDLER).first() or OutboxRelay(name=HANDLER)


def pause(by: str) -> None:
    """Keep everything in the outbox until it is resumed."""
    _note(is_paused=True, paused_by=by[:60], paused_at=now())


def resume() -> None:
    """Send again."""
    _note(is_paused=False, paused_by="", paused_at=None)


def _note(**facts: Any) -> None:
    OutboxRelay.objects.get_or_create(name=HANDLER)
    OutboxRelay.objects.filter(name=HANDLER).update(**facts)


@dataclass(frozen=True, slots=True)
class TopicSaid:
    """What the outbox says to a topic: events with their schema versions, of the latest; how many wait, since when."""

    topic: str
    events: tuple[str, ...]  # "referral.sent 1"
    said_at: datetime
    waiting: int


def topics() -> list[TopicSaid]:
    """The topics of the latest LOOKED events and of all that wait."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select split_part(name, '.', 1), array_agg(distinct name || ' ' || version), max(said_at), sum(waits)
            from (select e.name, e.version, e.said_at, 0 as waits
                    from (select * from outbox_event order by id desc limit %s) e
                union all select e.name, e.version, e.said_at, 1 from outbox_delivery d join outbox_event e on e.id = d.event_id
                    where d.handler = %s) s group by 1 order by 1""",
            [LOOKED, HANDLER],
        )
        rows = cursor.fetchall()
    return [TopicSaid(topic(f"{first}."), tuple(sorted(events)), at, int(n)) for first, events, at, n in rows]


def waits() -> tuple[int, datetime | None]:
    """How many events wait for the broker, and since when the eldest does."""
    found = OutboxDelivery.objects.filter(handler=HANDLER).aggregate(
        n=models.Count("id"), since=models.Min("event__said_at")
    )
    return found["n"], found["since"]


def _may_forward() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s::bigint)", [_LOCK])
        return bool(cursor.fetchone()[0])  # type: ignore[index]


def _send(events: list[OutboxEvent]) -> tuple[set[int], str]:
    """Send and wait; the ids of events that were not acknowledged, or that follow such a one under the same key, and why."""
    kept: dict[int, bool] = {}
    reasons: list[str] = []

    def told(error: Any, pk: int) -> None:
        kept[pk] = error is None
        if error is not None:
            reasons.append(str(error.str())[:200])

    producer = _producer(settings.KAFKA)
    for event in events:
        producer.produce(
            topic(event.name), key=event.key.encode(), value=json.dumps(event.facts, ensure_ascii=False).encode(),
            headers=_headers(event), on_delivery=lambda error, _message, pk=event.pk: told(error, pk),
        )  # fmt: skip
    producer.flush(ANSWER_SECONDS)
    failed: set[int] = set()
    held: set[tuple[str, str]] = set()
    for event in events:
        place = (topic(event.name), event.key)
        if place in held or not kept.get(event.pk):
            held.add(place)
            failed.add(event.pk)
    if failed:
        producer.purge()
        log.warning("kafka did not take %s of %s events", len(failed), len(events))
    return failed, reasons[0] if reasons else ""


def publish(name: str, key: str, value: bytes, headers: Mapping[str, str], seconds: float = ANSWER_SECONDS) -> None:
    """One record to a topic, acknowledged by the broker. Raises Fault outbox.no_kafka, outbox.kafka_away."""
    if not settings.KAFKA:
        raise Fault("outbox.no_kafka", permanent=False)
    told: list[bool] = []
    producer = _producer(settings.KAFKA)
    producer.produce(
        name, key=key.encode(), value=value, headers=[(k, v.encode()) for k, v in headers.items()],
        on_delivery=lambda error, _message: told.append(error is None),
    )  # fmt: skip
    end = time.monotonic() + seconds
    while not told and time.monotonic() < end:
        producer.poll(0.05)
    if told != [True]:
        raise Fault("outbox.kafka_away", permanent=False)


def _headers(event: OutboxEvent) -> list[tuple[str, bytes]]:
    facts = {
        "event-id": str(event.pk),
        "event-name": event.name,
        "schema-version": str(event.version),
        "said-at": event.said_at.isoformat(),
        "content-type": "application/json",
    }
    return [(name, value.encode()) for name, value in facts.items()]


@cache
def _producer(servers: str) -> Any:
    from confluent_kafka import Producer  # an extra: only those who use Kafka install it

    quiet = logging.getLogger("yigong.kafka")  # a broker that is away is told once, by the caller
    quiet.setLevel(logging.CRITICAL)
    return Producer({
        "bootstrap.servers": servers,
        "enable.idempotence": True,  # order holds and nothing doubles while the connection is repaired
        "compression.type": "lz4",
        "linger.ms": 5,
        "message.timeout.ms": int(ANSWER_SECONDS * 1000) - 2000,
    }, logger=quiet)  # fmt: skip
