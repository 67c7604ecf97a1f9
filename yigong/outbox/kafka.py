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
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from yigong.kit.errors import Fault
from yigong.outbox.models import OutboxDelivery, OutboxEvent

log = logging.getLogger("yigong.outbox")
#: the name under which an event waits for Kafka among the handlers
HANDLER = "kafka"
_LOCK = 4_027_551_190_331  # one forwarder at a time: two would mix up the order
ANSWER_SECONDS = 20.0


def topic(name: str) -> str:
    """The topic of an event's name."""
    return f"{settings.KAFKA_PREFIX}{name.partition('.')[0]}"


@transaction.atomic
def forward(limit: int = 1000) -> int:
    """Send what waits, eldest first; how many the broker has acknowledged. Raises Fault when it acknowledged none.

    An event leaves the outbox only after the acknowledgement; ended in between, it is sent again with the same event-id.
    """
    if not settings.KAFKA or not _may_forward():
        return 0
    waiting = list(OutboxDelivery.objects.filter(handler=HANDLER).select_related("event").order_by("event_id")[:limit])
    if not waiting:
        return 0
    failed = _send([d.event for d in waiting])
    sent = [d.pk for d in waiting if d.event_id not in failed]
    OutboxDelivery.objects.filter(pk__in=sent).delete()
    if not sent:
        raise Fault("outbox.kafka_away", permanent=False)
    return len(sent)


def _may_forward() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s::bigint)", [_LOCK])
        return bool(cursor.fetchone()[0])  # type: ignore[index]


def _send(events: list[OutboxEvent]) -> set[int]:
    """Send and wait; the ids of events that were not acknowledged, or that follow such a one under the same key."""
    kept: dict[int, bool] = {}
    producer = _producer(settings.KAFKA)
    for event in events:
        producer.produce(
            topic(event.name), key=event.key.encode(), value=json.dumps(event.facts, ensure_ascii=False).encode(),
            headers=_headers(event), on_delivery=lambda error, _message, pk=event.pk: kept.__setitem__(pk, error is None),
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
    return failed


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
