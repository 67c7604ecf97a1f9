"""Messages of a topic into the journal, each exactly once: the place read up to is kept in the same transaction.

``yigong kafka listen --topic hospital.hl7 --endpoint kafka-hospital`` reads HL7 v2 messages. What the broker knows of the
place read up to is for its monitors only; after whatever end the reader goes on where the journal stands.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction

from yigong.kit.clock import now
from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.kit.hl7v2.parse import NotHl7, Segment, Separators
from yigong.platform.bus import services, worker
from yigong.platform.bus.envelope import Envelope, Unsupported, open_envelope
from yigong.platform.bus.journal import accept
from yigong.platform.bus.models import KafkaReader, Message, MessageState, Offset

log = logging.getLogger("yigong.bus")
BATCH = 500
Place = tuple[str, int]  # topic, partition


class Moved(Exception):  # noqa: N818  - reads as a sentence: the place has moved on
    """Another reader has carried this partition further."""


class Reader:
    """Carries records of the broker's client into the journal of one endpoint."""

    def __init__(self, endpoint_id: int, client: Any) -> None:
        self.endpoint_id, self.client = endpoint_id, client
        self.is_paused, self.seen = False, float("-inf")
        self.trouble = ""  # what the client said last

    def subscribe(self, topics: Sequence[str]) -> None:
        """Take part in reading *topics*; each partition begins where the journal stands."""
        KafkaReader.objects.update_or_create(endpoint_id=self.endpoint_id, defaults={"topics": list(topics)})
        self.client.subscribe(list(topics), on_assign=self._assigned)

    def _assigned(self, client: Any, partitions: list[Any]) -> None:
        known = {(o.topic, o.partition): o.next for o in Offset.objects.filter(endpoint_id=self.endpoint_id)}
        for p in partitions:
            if (p.topic, p.partition) in known:
                p.offset = known[p.topic, p.partition]
        client.assign(partitions)
        if self.is_paused and partitions:
            client.pause(partitions)

    def failed(self, error: Any) -> None:
        """Remember what the client complains of; it is written down at the next step."""
        self.trouble = str(error.str())[:200]

    def _report(self) -> None:
        """Say that this reader lives and what troubles it, and hear whether it is to pause; at most once a second."""
        if time.monotonic() < self.seen + 1.0:
            return
        self.seen = time.monotonic()
        mine = KafkaReader.objects.filter(endpoint_id=self.endpoint_id)
        told: dict[str, Any] = {"seen_at": now()}
        if self.trouble:
            told |= {"error": "bus.kafka_reading", "reason": self.trouble, "failed_at": now()}
            self.trouble = ""
        mine.update(**told)
        wanted = mine.values_list("is_paused", flat=True).first() or False
        if wanted != self.is_paused:
            self.is_paused = wanted
            assigned = self.client.assignment()
            (self.client.pause if wanted else self.client.resume)(assigned)

    def take(self, seconds: float = 1.0) -> int:
        """Carry what came within *seconds*; how many records. Raises DatabaseError, and then nothing was carried."""
        self._report()
        records = []
        for record in self.client.consume(BATCH, seconds):
            if record.error() is None:
                records.append(record)
            elif record.error().fatal():
                raise Refused("bus.kafka_refused", reason=record.error().str())
            else:
                self.failed(record.error())
                log.warning("kafka: %s", record.error().name())
        by_place: dict[Place, list[Any]] = {}
        for record in records:
            by_place.setdefault((record.topic(), record.partition()), []).append(record)
        for place, theirs in by_place.items():
            try:
                self._keep(place, theirs)
            except Moved:
                self._go_on(place)
            except DatabaseError:
                self._go_on_at(place, theirs[0].offset())
                raise
        return len(records)

    @transaction.atomic
    def _keep(self, place: Place, records: Sequence[Any]) -> None:
        """Journal and place in one transaction; a reader that lost the partition finds the place moved and stops."""
        offset, _made = Offset.objects.select_for_update().get_or_create(
            endpoint_id=self.endpoint_id, topic=place[0], partition=place[1], defaults={"next": records[0].offset()}
        )
        if offset.next > records[0].offset():
            raise Moved
        opened = [_opened(place, r) for r in records]
        accept(self.endpoint_id, opened)
        refused = [e.sha256 for e in opened if e.is_refused]
        if refused:  # nobody waits for an answer here: they are put before a person
            Message.objects.filter(endpoint_id=self.endpoint_id, sha256__in=refused, outcome="refused").update(
                state=MessageState.DEAD
            )
        offset.next = records[-1].offset() + 1
        offset.save(update_fields=["next"])

    def _go_on(self, place: Place) -> None:
        found = Offset.objects.get(endpoint_id=self.endpoint_id, topic=place[0], partition=place[1])
        self._go_on_at(place, found.next)

    def _go_on_at(self, place: Place, offset: int) -> None:
        from confluent_kafka import KafkaException, TopicPartition

        try:
            self.client.seek(TopicPartition(place[0], place[1], offset))
        except KafkaException:  # the partition is another's by now
            log.info("kafka: partition %s of %s is not ours any more", place[1], place[0])


def _opened(place: Place, record: Any) -> Envelope:
    raw = record.value() or b""
    try:
        return open_envelope(raw)
    except Unsupported as refused:
        return refused.envelope
    except NotHl7:
        name = f"{place[0]}/{place[1]}/{record.offset()}"
        digest = hashlib.sha256(raw).hexdigest()
        empty = Segment("", Separators(), "utf-8")
        return Envelope(raw, digest, place[0][:200], name[:200], "unreadable", "", "", "", "", digest, empty)


def client(servers: str, group: str, failed: Callable[[Any], None] | None = None) -> Any:
    """A client that reads only what is committed and never moves the place by itself; *failed* hears its complaints.

    Raises Refused without the library.
    """
    try:
        from confluent_kafka import Consumer
    except ImportError as error:
        raise Refused("bus.kafka_not_installed") from error
    return Consumer({
        "bootstrap.servers": servers, "group.id": f"yigong.{group}", "enable.auto.commit": False,
        "session.timeout.ms": 10_000, "heartbeat.interval.ms": 3_000,  # a reader that died gives its partitions up soon
        "auto.offset.reset": "earliest", "isolation.level": "read_committed", "fetch.message.max.bytes": 8 << 20,
        **({"error_cb": failed} if failed else {}),
    })  # fmt: skip


def run(reader: Reader, stopped: Callable[[], bool]) -> None:
    """Read until told to stop; a database that is away is waited for."""
    while not stopped():
        try:
            reader.take()
        except DatabaseError as error:
            log.warning("kafka: %s", type(error).__name__)
            connection.close()


def main(arguments: list[str]) -> int:
    """``yigong kafka listen``."""
    options = _parser().parse_args(arguments)
    servers = options.servers or settings.KAFKA
    if not servers:
        print("say where Kafka is: --servers HOST:PORT or YIGONG_KAFKA / 请给出 Kafka 地址", file=sys.stderr)
        return 2
    try:
        endpoint = services.open_endpoint(system(), options.endpoint, kind="kafka", org_code=options.org)
        reader = Reader(endpoint.pk, None)
        reader.client = client(servers, options.endpoint, reader.failed)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 2
    reader.subscribe(options.topic)
    ended = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: ended.set())
    carrying = threading.Thread(target=worker.run, args=(ended.is_set,), name="bus-worker")
    if not options.only_journal:
        carrying.start()
    print(f"kafka {servers} {' '.join(options.topic)}", flush=True)
    try:
        run(reader, ended.is_set)
    finally:
        ended.set()
        reader.client.close()
        if carrying.ident:
            carrying.join()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="yigong kafka", description="从 Kafka 接收消息 / take messages from Kafka")
    listen = parser.add_subparsers(dest="what", required=True).add_parser("listen")
    listen.add_argument("--topic", action="append", required=True, help="主题，可多次 / topic, more than once")
    listen.add_argument("--endpoint", default="kafka", metavar="CODE", help="端点代码 / code of the endpoint")
    listen.add_argument("--servers", default="", metavar="HOST:PORT", help="缺省取 YIGONG_KAFKA / else YIGONG_KAFKA")
    listen.add_argument("--org", default="", metavar="CODE", help="来源机构，缺省取自 MSH-4 / institution, else MSH-4")
    listen.add_argument("--only-journal", action="store_true", help="只接收 / leave carrying to `yigong work`")
    return parser
