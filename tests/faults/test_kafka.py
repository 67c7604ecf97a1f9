"""A real broker of Apache Kafka: events go out in order and are never lost, messages come in exactly once."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
from django.db import connection

from yigong.kit.errors import Fault
from yigong.outbox import api as outbox
from yigong.outbox import kafka as forwarding
from yigong.outbox.models import OutboxDelivery, OutboxEvent
from yigong.platform.bus.models import Message
from yigong.portal import broker as brokers
from yigong.portal import jars

pytestmark = [pytest.mark.fault, pytest.mark.django_db(transaction=True)]
COMMAND = "from yigong.portal.cli import main; import sys; sys.exit(main(sys.argv[1:]))"
MESSAGES, KILLS = 600, 4


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[brokers.Broker]:
    try:
        running = brokers.start(tmp_path_factory.mktemp("kafka"))
    except jars.NotHere as error:
        pytest.skip(str(error))
    yield running
    running.stop()


@pytest.fixture
def configured(broker: brokers.Broker, settings: Any) -> Iterator[str]:
    """The house with Kafka, its topics under a prefix of this test's own."""
    settings.KAFKA, settings.KAFKA_PREFIX = broker.address, f"t{random.getrandbits(40)}."
    yield broker.address
    forwarding._producer.cache_clear()


@dataclass(frozen=True)
class Stepped:
    name: ClassVar[str] = "walk.stepped"
    version: ClassVar[int] = 3
    case_id: int
    step: int


def _read(address: str, topic: str, count: int, *, seconds: float = 40.0) -> list[Any]:
    from confluent_kafka import Consumer

    reader = Consumer({"bootstrap.servers": address, "group.id": f"g{random.getrandbits(40)}", "auto.offset.reset": "earliest"})  # fmt: skip
    reader.subscribe([topic])
    found: list[Any] = []
    until = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < until:
        found += [m for m in reader.consume(500, 1.0) if m.error() is None]
    reader.close()
    return found


@pytest.mark.feature("C15")
def test_the_id_of_a_cluster_is_not_taken_for_an_option() -> None:
    """Of ids drawn, one that begins with a hyphen is not used: the storage tool would read it as an option."""
    drawn = iter([b"\xf8" * 16, b"\xfb" * 16, b"\x01" * 16])
    assert brokers.cluster_id(lambda _size: next(drawn)) == "AQEBAQEBAQEBAQEBAQEBAQ"


@pytest.mark.feature("C15", "A21")
def test_events_reach_their_topic_in_the_order_of_each_case(configured: str) -> None:
    """What was said of one case stands in one partition in the order it was said, with its id, name and version."""
    for n in range(60):
        outbox.say(Stepped(n % 5, n))
    assert outbox.forward() == 60
    assert outbox.forward() == 0
    found = _read(configured, forwarding.topic(Stepped.name), 60)
    steps: dict[bytes, list[bytes]] = defaultdict(list)
    for message in found:
        headers = dict(message.headers())
        assert headers["event-name"] == b"walk.stepped" and headers["schema-version"] == b"3"
        steps[message.key()].append(headers["event-id"])
    assert set(steps) == {f"case_id={n}".encode() for n in range(5)}
    assert all(ids == sorted(ids, key=int) and len(ids) == 12 for ids in steps.values())


@pytest.mark.feature("C17")
def test_events_wait_while_the_broker_is_away(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An event said while Kafka is away stays in the outbox, and goes out when it is back: sent again, it is the same by its id."""
    monkeypatch.setattr(forwarding, "ANSWER_SECONDS", 4.0)
    try:
        running = brokers.start(tmp_path)
    except jars.NotHere as error:
        pytest.skip(str(error))
    settings.KAFKA, settings.KAFKA_PREFIX = running.address, "away."
    running.stop()
    outbox.say(Stepped(1, 1))
    with pytest.raises(Fault):
        outbox.forward()
    assert OutboxDelivery.objects.filter(handler=forwarding.HANDLER).count() == 1
    running = brokers.start(tmp_path, port=int(running.address.rpartition(":")[2]))
    try:
        until = time.monotonic() + 40
        while not _forwarded() and time.monotonic() < until:
            time.sleep(0.5)
        assert not OutboxDelivery.objects.filter(handler=forwarding.HANDLER).exists()
        # a broker that answers later than the sender waits has kept the event all the same, and gets it again
        found = _read(running.address, "away.walk", 1)
        assert {dict(m.headers())["event-id"] for m in found} == {str(OutboxEvent.objects.get().pk).encode()}
        assert all(json.loads(m.value()) == {"case_id": 1, "step": 1} for m in found)
    finally:
        running.stop()
        forwarding._producer.cache_clear()


def _forwarded() -> bool:
    try:
        return outbox.forward() > 0
    except Fault:
        return False


@pytest.mark.feature("C21")
def test_without_kafka_nothing_waits_for_it(settings: Any) -> None:
    """A house without Kafka keeps no delivery for it."""
    settings.KAFKA = ""
    outbox.say(Stepped(1, 1))
    assert not OutboxDelivery.objects.exists() and outbox.forward() == 0


@pytest.mark.feature("C15", "C17")
def test_a_reader_that_is_killed_keeps_every_message_once(broker: brokers.Broker, tmp_path: Path) -> None:
    """Readers killed at random points leave every message of the topic in the journal exactly once, bad ones set aside."""
    from confluent_kafka import Producer

    topic = f"in{random.getrandbits(40)}"
    producer = Producer({"bootstrap.servers": broker.address})
    for n in range(MESSAGES):
        producer.produce(topic, key=f"P{n % 40}".encode(), value=_message(n))
    producer.produce(topic, key=b"x", value=b"no message at all")
    producer.flush(30)
    for turn in range(KILLS + 1):
        reader = _reader(broker.address, topic, tmp_path)
        if turn == KILLS:
            _until(lambda: Message.objects.count() >= MESSAGES + 1, seconds=150)
        else:
            before = Message.objects.count()
            _until(lambda seen=before: Message.objects.count() > seen, seconds=8)
            time.sleep(random.random() * 0.05)
        reader.send_signal(signal.SIGKILL)
        reader.wait()
    controls = list(Message.objects.exclude(kind="unreadable").values_list("control_id", flat=True))
    assert sorted(controls) == sorted(str(n) for n in range(MESSAGES))
    aside = Message.objects.get(kind="unreadable")
    assert aside.state == "dead" and bytes(aside.raw) == b"no message at all" and aside.error["zh"]


def _message(n: int) -> bytes:
    head = f"MSH|^~\\&|LIS|H1|YG|C|20260101080000||ADT^A31|{n}|P|2.4"
    return f"{head}\rEVN|A31|20260101080000\rPID|1||P{n % 40}^^^H1||Zhang^San||19800101|M\r".encode()


def _reader(address: str, topic: str, place: Path) -> subprocess.Popen[bytes]:
    words = ["kafka", "listen", "--topic", topic, "--servers", address, "--endpoint", "k", "--only-journal"]
    known = connection.settings_dict
    url = f"postgresql://{known['USER']}:{known['PASSWORD']}@{known['HOST']}:{known['PORT']}/{known['NAME']}"
    with (place / "reader.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", COMMAND, *words], env={**os.environ, "DATABASE_URL": url}, stdout=log, stderr=log
        )


def _until(done: Any, *, seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not done() and time.monotonic() < until:
        time.sleep(0.02)


@pytest.mark.feature("C15", "C17")
def test_a_route_to_a_topic_keeps_key_and_order_and_waits_for_a_broker_that_is_away(
    configured: str, settings: Any
) -> None:
    """Messages of one patient lie in one partition in order with their idempotency keys; without a broker they wait."""
    from yigong.platform.bus.models import Delivery
    from yigong.platform.bus.tests.ground import accept, active, message, outward, turn

    topic = f"routed-{random.getrandbits(40)}"
    outward("topic", topic, "kafka", timeout_seconds=20)
    active("all", "", {"endpoint": "topic"})
    settings.KAFKA = ""
    accept(message("0", "P0"))
    turn()
    assert Delivery.objects.get().state == "waiting" and Delivery.objects.get().error["code"] == "bus.away"
    settings.KAFKA = configured
    Delivery.objects.update(due_at=Delivery.objects.get().created_at)
    accept(*(message(f"{p}-{n}", f"P{p}") for n in range(5) for p in range(4)))
    turn()
    found = _read(configured, topic, 21)
    by_key: dict[bytes, list[bytes]] = defaultdict(list)
    for record in found:
        by_key[record.key()].append(record.value())
        assert dict(record.headers())["idempotency-key"].startswith(b"yg-")
    assert len(found) == 21 and len({r.partition() for r in found if r.key() == found[0].key()}) == 1
    for p in range(1, 4):
        assert by_key[f"100000001X|P{p}".encode()] == [message(f"{p}-{n}", f"P{p}") for n in range(5)]


@pytest.mark.feature("C21", "C15")
def test_the_page_shows_topics_positions_and_lag(configured: str, tmp_path: Path) -> None:
    """A reader that is paused falls behind by what comes, one that goes on has none; the page says both, and what was sent."""
    from confluent_kafka import Producer

    from yigong.kit.ctx import system
    from yigong.platform.bus import kafka_status

    outbox.say(Stepped(7, 1))
    assert outbox.forward() == 1
    topic = f"in{random.getrandbits(40)}"
    producer = Producer({"bootstrap.servers": configured})
    _produce(producer, topic, range(5))
    reader = _reader(configured, topic, tmp_path)
    try:
        _until(lambda: Message.objects.count() >= 5)
        assert _lag(topic) == 0
        kafka_status.pause(system(), "k")
        time.sleep(2.5)
        _produce(producer, topic, range(5, 12))
        time.sleep(2.5)
        assert (Message.objects.count(), _lag(topic)) == (5, 7)
        page = _broker_page()
        assert "已连接" in page and "落后 7 条" in page and "已暂停" in page
        assert f"{forwarding.topic('walk.')} walk.stepped 3" in page
        kafka_status.resume(system(), "k")
        _until(lambda: Message.objects.count() >= 12)
        assert (Message.objects.count(), _lag(topic)) == (12, 0)
        assert "读取中" in _broker_page()
    finally:
        reader.terminate()
        reader.wait()


def _produce(producer: Any, topic: str, numbers: range) -> None:
    for n in numbers:
        producer.produce(topic, key=b"P1", value=_message(n))
    producer.flush(30)


def _lag(topic: str) -> int:
    from yigong.platform.bus import kafka_status
    from yigong.platform.bus.models import KafkaReader

    row = KafkaReader.objects.get(endpoint__code="k")
    return sum(p.lag or 0 for p in kafka_status.positions(row, kafka_status.look([topic])))


def _broker_page() -> str:
    import re

    from yigong.platform.bus.tests.test_pages import signed_in
    from yigong.security.models import User

    User.objects.filter(login_name="op").delete()
    text = signed_in(("bus.view",)).get("/platform/bus/kafka/broker/").content.decode()
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))
