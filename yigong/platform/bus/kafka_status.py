"""How the house stands with its broker: reachable or not, topics, what waits, how far each reader is; pause and resume."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.outbox import api as outbox
from yigong.platform.bus.models import KafkaReader, Offset
from yigong.platform.bus.told import kafka_word
from yigong.security.api import audit

OUT = "out"  # the forwarding of events; a reader is named by the code of its endpoint
ASK_SECONDS = 3.0
LIVES = timedelta(seconds=15)  # a reader that was not seen for so long does not run


@dataclass(frozen=True, slots=True)
class Partition:
    """What a broker has of one partition."""

    first: int
    end: int  # of the record that will come next


@dataclass(frozen=True, slots=True)
class BrokerSeen:
    """What a broker answered; without *refused* it was reached."""

    address: str
    brokers: int = 0
    refused: Refused | None = None
    partitions: Mapping[tuple[str, int], Partition] = field(default_factory=dict)

    def records(self, topic: str) -> int:
        """How many records a topic holds."""
        return sum(p.end - p.first for (name, _), p in self.partitions.items() if name == topic)

    def count(self, topic: str) -> int:
        """How many partitions a topic has."""
        return sum(name == topic for name, _ in self.partitions)


@dataclass(frozen=True, slots=True)
class Position:
    """How far a reader is in one partition; *end* and *lag* are unknown where the broker did not say."""

    topic: str
    partition: int
    next: int
    end: int | None

    @property
    def lag(self) -> int | None:
        """How many records are still to be read."""
        return None if self.end is None else max(self.end - self.next, 0)


def look(topics: Iterable[str], address: str = "") -> BrokerSeen:
    """Ask the broker for its topics and their ends; within a few seconds, and never raising."""
    address = address or settings.KAFKA
    try:
        from confluent_kafka import KafkaException, TopicPartition
        from confluent_kafka.admin import AdminClient, OffsetSpec
    except ImportError:
        return BrokerSeen(address, refused=Refused("bus.kafka_not_installed"))
    quiet = logging.getLogger("yigong.kafka")
    quiet.setLevel(logging.CRITICAL)
    client = AdminClient({"bootstrap.servers": address, "socket.timeout.ms": 3000}, logger=quiet)
    try:
        known = client.list_topics(timeout=ASK_SECONDS)
        places = [TopicPartition(t, p) for t in set(topics) & known.topics.keys() for p in known.topics[t].partitions]
        ends = _offsets(client, places, OffsetSpec.latest())
        firsts = _offsets(client, places, OffsetSpec.earliest())
    except KafkaException as error:
        reason = kafka_word(str(error.args[0].str()))
        return BrokerSeen(address, refused=Refused("bus.kafka_away", address=address, reason=reason))
    return BrokerSeen(
        address, len(known.brokers), None, {p: Partition(firsts.get(p, 0), end) for p, end in ends.items()}
    )


def _offsets(client: Any, places: list[Any], which: Any) -> dict[tuple[str, int], int]:
    if not places:
        return {}
    asked = client.list_offsets(dict.fromkeys(places, which), request_timeout=ASK_SECONDS)
    return {(p.topic, p.partition): answer.result(ASK_SECONDS).offset for p, answer in asked.items()}


def readers(ctx: Ctx) -> list[KafkaReader]:
    """Every endpoint that reads topics."""
    ctx.must("bus.view")
    return list(KafkaReader.objects.select_related("endpoint").order_by("endpoint__code"))


def runs(reader: KafkaReader, at: datetime | None = None) -> bool:
    """Whether a process reads for the endpoint."""
    return reader.seen_at is not None and reader.seen_at > (at or now()) - LIVES


def positions(reader: KafkaReader, seen: BrokerSeen) -> list[Position]:
    """How far the endpoint is in each partition that it has read, and in those that it has not begun."""
    kept = {(o.topic, o.partition): o.next for o in Offset.objects.filter(endpoint_id=reader.endpoint_id)}
    known = {place: p.first for place, p in seen.partitions.items() if place[0] in reader.topics}
    found = []
    for place in sorted({**known, **kept}):
        end = seen.partitions[place].end if place in seen.partitions else None
        found.append(Position(*place, kept.get(place, known.get(place, 0)), end))
    return found


@transaction.atomic
def pause(ctx: Ctx, what: str) -> None:
    """Stop sending events (OUT) or reading into an endpoint (its code); what comes meanwhile waits. Raises Refused."""
    ctx.must("bus.pause_kafka")
    _change(ctx, "bus.pause_kafka", what, is_paused=True)


@transaction.atomic
def resume(ctx: Ctx, what: str) -> None:
    """Go on where it stopped. Raises Refused bus.no_kafka_reader."""
    ctx.must("bus.resume_kafka")
    _change(ctx, "bus.resume_kafka", what, is_paused=False)


def _change(ctx: Ctx, verb: str, what: str, *, is_paused: bool) -> None:
    number = 0
    if what == OUT:
        outbox.pause(ctx.actor_name) if is_paused else outbox.resume()
    else:
        reader = KafkaReader.objects.filter(endpoint__code=what).first()
        if reader is None:
            raise Refused("bus.no_kafka_reader")
        number = reader.endpoint_id
        by = ctx.actor_name[:60] if is_paused else ""
        KafkaReader.objects.filter(pk=reader.pk).update(is_paused=is_paused, paused_by=by)
    audit(ctx, verb, "bus_kafka", number, after={"what": what})
