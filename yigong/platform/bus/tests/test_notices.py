"""Dead letters and breakers told outside the pages: to a real SMTP server and a real HTTP server of this machine."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as Handler
from django.core.mail.backends.smtp import EmailBackend
from django.db import transaction
from django.test import Client

from yigong.kit import clock
from yigong.kit.ctx import Purpose, Reach, system
from yigong.kit.errors import Refused
from yigong.outbox import api as letters
from yigong.platform.bus import gate, notices, services, troubles
from yigong.platform.bus.domain import Told, word_of
from yigong.platform.bus.models import Channel, Delivery, Message, Notice
from yigong.platform.bus.tests.ground import HOSPITAL, accept, active, message, outward, turn
from yigong.platform.bus.tests.receivers import free_port
from yigong.platform.bus.tests.test_pages import signed_in
from yigong.security.api import make_role, make_user

AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
CLINIC = "200000002X"


class Kept(Handler):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.letters.append(message)


@pytest.fixture
def mailbox(settings: Any) -> Iterator[list[Any]]:
    """A mail server, and the letters it got."""
    handler, port = Kept(), free_port()
    server = Controller(handler, hostname="127.0.0.1", port=port)
    server.start()
    settings.EMAIL_BACKEND = f"{EmailBackend.__module__}.EmailBackend"  # the tests of Django keep letters to themselves
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_HOST_USER = "127.0.0.1", port, ""
    yield handler.letters
    server.stop()


@pytest.fixture
def hook() -> Iterator[tuple[str, list[tuple[str, bytes]], list[int]]]:
    """A receiver of webhooks: its address, what came, and the statuses it is to answer."""
    came: list[tuple[str, bytes]] = []
    answers: list[int] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((self.headers[letters.SIGNATURE], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers.pop(0) if answers else 204)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", came, answers
    server.shutdown()
    server.server_close()


def channel(way: str, address: str, *kinds: str, org_code: str = "") -> Channel:
    """A channel of the operators."""
    facts = {"role": "operator", "way": way, "address": address, "kinds": list(kinds), "active": True}
    return notices.save_channel(system(), org_code=org_code, **facts)


def words(letter: Any) -> str:
    """The body of a mail."""
    return str(letter.get_payload(decode=True).decode())


def dead(*numbers: int) -> None:
    """Deliveries that the receiver refused for good."""
    if not Delivery.objects.exists():
        outward("his", "http://127.0.0.1:9/in", name="医院信息系统")
        active("results", "", {"endpoint": "his"})
    for n in numbers:
        accept(message(f"C{n}", f"P{n}"))
        turn()
        Delivery.objects.filter(message__control_id=f"C{n}").update(
            state="dead", answer="422", error={"code": "bus.refused", "facts": {"answer": "422"}}
        )


def fail(endpoint_id: int) -> None:
    """An endpoint does not answer, so often that its breaker opens."""
    with transaction.atomic():
        for _ in range(5):
            gate.judged(endpoint_id, False, "ConnectError", AT)


CASES = [
    (Told(), 5, AT, "opened"), (Told(), None, AT, ""), (Told(True, AT, 5), 5, AT + 2 * HOUR, ""), (Told(True, AT, 5), 9, AT + HOUR / 2, ""),
    (Told(True, AT, 5), 9, AT + HOUR, "opened"), (Told(True, AT, 5), None, AT + HOUR / 2, "closed"), (Told(False, AT, 5), 9, AT + HOUR / 2, ""),
    (Told(False, AT, 5), 9, AT + HOUR, "opened"), (Told(False, AT, 5), None, AT + HOUR, ""), (Told(True, AT, 0), 0, AT + 9 * HOUR, ""),
]  # fmt: skip


@pytest.mark.feature("C14")
@pytest.mark.parametrize(("before", "newest", "at", "word"), CASES)
def test_a_cause_is_told_once_an_hour_and_once_when_it_is_over(
    before: Told, newest: int | None, at: datetime, word: str
) -> None:
    """That it is there at most once an hour, again only when more has died; that it is over once, only after it was told."""
    assert word_of(before, newest, at) == word


@pytest.mark.feature("C14")
@pytest.mark.django_db(transaction=True)
def test_dead_letters_are_mailed_once_and_their_end_too(mailbox: list[Any]) -> None:
    """One mail for many of one cause; nothing new within the hour; more after it; one when all are dealt with. No patient in it."""
    channel("mail", "ops@county.example, night@county.example")
    with clock.fixed(AT):
        dead(1, 2)
        assert troubles.look() == 1 and troubles.look() == 0 and notices.send_due() == 1
        assert "ops@county.example" in mailbox[0]["To"] and "night@county.example" in mailbox[0]["To"]
        assert "发往 医院信息系统 的 2 条投递成为死信" in words(mailbox[0]) and "2 deliveries to" in words(mailbox[0])
        assert "deliveries/?state=dead" in words(mailbox[0])
        assert not any(told in words(mailbox[0]) for told in ("张三", "P1", "C1"))
        dead(3)
        assert troubles.look() == 0
    with clock.fixed(AT + HOUR):
        assert troubles.look() == 1 and notices.send_due() == 1
        assert "3 条投递成为死信" in words(mailbox[1])
        for row in Delivery.objects.filter(state="dead"):
            services.move_delivery(system(), row.pk, "discard", reason="对方停用")
        assert troubles.look() == 1 and troubles.look() == 0 and notices.send_due() == 1
        assert "这类投递死信已处理完" in words(mailbox[2]) and len(mailbox) == 3


@pytest.mark.feature("C14")
@pytest.mark.django_db(transaction=True)
def test_a_breaker_that_opens_is_told_to_a_webhook_and_again_when_it_closes(
    hook: tuple[str, list[tuple[str, bytes]], list[int]],
) -> None:
    """The letter is signed; one that the receiver could not take is sent again; a breaker that flaps is told once in the hour."""
    url, came, answers = hook
    made = channel("webhook", url, "breaker")
    endpoint = outward("his", "http://127.0.0.1:9/in", name="医院信息系统")
    with clock.fixed(AT):
        fail(endpoint.pk)
        answers.append(500)
        assert troubles.look() == 1 and notices.send_due() == 1 and notices.send_due() == 0
        assert Notice.objects.get().state == "waiting" and "500" in Notice.objects.get().error
    with clock.fixed(AT + timedelta(minutes=2)):
        assert notices.send_due() == 1 and Notice.objects.get().state == "sent"
        signature, body = came[1]
        assert signature == "sha256=" + hmac.digest(notices.key_of(made).encode(), body, "sha256").hex()
        said = json.loads(body)
        assert (said["kind"], said["event"], said["endpoint"]) == ("breaker", "opened", "his")
        assert "连接不上" in said["zh"] and "5 times in a row" in said["en"]
        gate.reset(system(), endpoint.pk)
        assert troubles.look() == 1 and notices.send_due() == 1 and json.loads(came[2][1])["event"] == "closed"
        fail(endpoint.pk)
        assert troubles.look() == 0


@pytest.mark.feature("C14")
@pytest.mark.django_db
def test_a_message_that_died_in_processing_is_told_with_its_reason(mailbox: list[Any]) -> None:
    """In both languages, with the sentence that the page shows."""
    channel("mail", "ops@county.example")
    accept(message("C9"))
    Message.objects.update(
        state="dead", error={"code": "bus.internal", "zh": "平台内部错误", "en": "an internal error"}
    )
    assert troubles.look() == 1 and notices.send_due() == 1
    assert "1 条处理死信：平台内部错误" in words(mailbox[0]) and "an internal error" in words(mailbox[0])


@pytest.mark.feature("C14")
@pytest.mark.django_db
def test_a_channel_of_an_institution_hears_of_its_troubles_only(mailbox: list[Any]) -> None:
    """Its messages and what goes wrong at its endpoints, counted without those of others, over when its own are dealt with."""
    channel("mail", "county@county.example")
    channel("mail", "own@hospital.example", org_code=HOSPITAL)
    channel("mail", "clinic@clinic.example", org_code=CLINIC)
    accept(message("C1"), message("C2"), message("C3").replace(HOSPITAL.encode(), CLINIC.encode()))
    Message.objects.update(
        state="dead", error={"code": "bus.internal", "zh": "平台内部错误", "en": "an internal error"}
    )
    with clock.fixed(AT):
        assert troubles.look() == 3 and notices.send_due() == 3
        counts = {m["To"]: words(m).split(" 条处理死信")[0][-1] for m in mailbox}
        assert counts == {"county@county.example": "3", "own@hospital.example": "2", "clinic@clinic.example": "1"}
    with clock.fixed(AT + HOUR):
        Message.objects.filter(org_code=CLINIC).update(state="processed")
        assert troubles.look() == 1 and notices.send_due() == 1
        assert mailbox[3]["To"] == "clinic@clinic.example" and "已处理完" in words(mailbox[3])
        fail(outward("his", "http://127.0.0.1:9/in", name="医院信息系统", org_code=HOSPITAL).pk)
        assert troubles.look() == 2 and notices.send_due() == 2
        assert {m["To"] for m in mailbox[4:]} == {"county@county.example", "own@hospital.example"}


@pytest.mark.feature("C14")
@pytest.mark.django_db
def test_channels_are_kept_on_their_page(mailbox: list[Any]) -> None:
    """Made, tried and removed on the pages; an address that is none is refused; who may not manage sees nothing."""
    client = signed_in()
    given = {"role": "operator", "way": "mail", "address": "ops@county.example", "active": "on", "kinds": ["breaker"]}
    assert client.post("/platform/bus/channels/new/", {**given, "org_code": "nowhere"}).status_code == 200
    assert client.post("/platform/bus/channels/new/", given).status_code == 302
    made = Channel.objects.get()
    assert (made.address, made.kinds, made.org_code) == ("ops@county.example", ["breaker"], "")
    assert client.post(f"/platform/bus/channels/{made.pk}/test/").status_code == 302
    assert len(mailbox) == 1 and "测试通知" in words(mailbox[0])
    page = client.get("/platform/bus/channels/").content.decode()
    assert "ops@county.example" in page and "端点熔断" in page
    with pytest.raises(Refused, match=r"outbox\.channel_odd"):
        channel("webhook", "http://elsewhere.example/hook")
    client.post(f"/platform/bus/channels/{made.pk}/remove/")
    assert not Channel.objects.exists()
    assert signed_in_as_reader().get("/platform/bus/channels/").status_code == 403


def signed_in_as_reader() -> Any:
    """A browser of somebody who may only look."""
    make_role("reader", "查看", actions=("bus.view",), reach=Reach.COUNTY, purpose=Purpose.OPERATION)
    reader = make_user("reader", "方敏", password="a-long-password", role="reader", org_code=HOSPITAL)
    client = Client()
    client.force_login(reader)
    return client
