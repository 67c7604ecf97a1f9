"""The page of Kafka without a broker and with one that is away; what a real one shows stands in ``tests/faults/test_kafka.py``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
from django.urls import reverse

from yigong.kit.clock import now
from yigong.kit.errors import Fault
from yigong.outbox import api as outbox
from yigong.outbox import kafka as forwarding
from yigong.outbox.models import OutboxDelivery
from yigong.platform.bus.models import Endpoint, KafkaReader, Offset
from yigong.platform.bus.tests.test_pages import ALL, signed_in
from yigong.security.models import Audit

pytestmark = pytest.mark.django_db
PAUSING = ("bus.pause_kafka", "bus.resume_kafka")


@dataclass(frozen=True)
class Stepped:
    name: ClassVar[str] = "walk.stepped"
    version: ClassVar[int] = 3
    case_id: int


@pytest.fixture
def away(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A house whose broker does not answer."""
    monkeypatch.setattr(forwarding, "ANSWER_SECONDS", 3.0)
    settings.KAFKA, settings.KAFKA_PREFIX = "127.0.0.1:9", "t."
    forwarding._producer.cache_clear()
    yield settings
    forwarding._producer.cache_clear()


def _text(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.mark.feature("C21")
@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_without_kafka_the_page_says_so(settings: Any, language: str) -> None:
    """No broker is asked, nothing can be paused, and the page says how Kafka is turned on."""
    settings.KAFKA = ""
    client = signed_in((*ALL, *PAUSING))
    client.cookies["django_language"] = language
    text = _text(client.get(reverse("bus:kafka")))
    assert ("没有使用 Kafka" in text, "Kafka is not used" in text) == (language != "en", language == "en")
    assert "YIGONG_KAFKA" in text and "暂停发送" not in text and "Pause sending" not in text


@pytest.mark.feature("C21", "C17")
def test_a_broker_that_is_away_is_told_with_what_waits(away: Any) -> None:
    """The events wait, the last error is a sentence, the broker's part says what to look at, and the positions are known without it."""
    endpoint = Endpoint.objects.create(code="lis-topic", kind="kafka", created_at=now())
    KafkaReader.objects.create(endpoint=endpoint, topics=["hospital.hl7"])
    Offset.objects.create(endpoint=endpoint, topic="hospital.hl7", partition=0, next=41)
    outbox.say(Stepped(1))
    with pytest.raises(Fault):
        outbox.forward()
    client = signed_in((*ALL, *PAUSING))
    page, broker = _text(client.get(reverse("bus:kafka"))), _text(client.get(reverse("bus:kafka-broker")))
    assert "发件箱等待 1 条" in page and "发送受阻" in page and "Kafka 没有接收事件" in page
    assert "没有应答：连接不上（" in broker or "没有应答：超时没有应答（" in broker
    assert "Kafka 127.0.0.1:9 没有应答" in broker and "t.walk" in broker and "walk.stepped 3" in broker
    assert "没有进程在读" in broker and "hospital.hl7 0 41 — —" in broker


@pytest.mark.feature("C21")
def test_pausing_keeps_events_and_is_a_named_act(away: Any) -> None:
    """Paused, nothing is sent and nothing fails; each act has its permission and its line in the audit."""
    outbox.say(Stepped(1))
    client = signed_in((*ALL, *PAUSING))
    assert client.post(reverse("bus:kafka-pause"), {"what": "out"}).status_code == 302
    assert outbox.forward() == 0 and OutboxDelivery.objects.count() == 1
    assert "已暂停" in _text(client.get(reverse("bus:kafka")))
    assert client.post(reverse("bus:kafka-resume"), {"what": "out"}).status_code == 302
    with pytest.raises(Fault):
        outbox.forward()
    acts = list(Audit.objects.filter(action__in=PAUSING).order_by("id").values_list("action", flat=True))
    assert acts == list(PAUSING)
    assert client.post(reverse("bus:kafka-pause"), {"what": "nobody"}).status_code == 409


@pytest.mark.feature("C21")
def test_who_may_only_look_pauses_nothing(away: Any) -> None:
    """Without the permission there is no button, and the address refuses."""
    client = signed_in(("bus.view",))
    assert "暂停发送" not in _text(client.get(reverse("bus:kafka")))
    assert client.post(reverse("bus:kafka-pause"), {"what": "out"}).status_code == 403
    assert not outbox.relay().is_paused
