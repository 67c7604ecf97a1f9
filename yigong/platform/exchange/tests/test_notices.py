"""Alarms told by mail and webhook: to a real SMTP server and a real HTTP server of this machine."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from django.core.mail.backends.smtp import EmailBackend
from django.urls import reverse

from yigong.kit import ctx as actors
from yigong.kit.errors import Refused
from yigong.outbox import api as letters
from yigong.platform.exchange import alarms, notices, watching
from yigong.platform.exchange.edge.tests.test_pages import signed_in
from yigong.platform.exchange.models import Channel, Feed, Notice
from yigong.platform.exchange.tests import lab

pytestmark = [pytest.mark.django_db, pytest.mark.feature("C12", "C25")]
CLERK = actors.system()
ACTS = ("exchange.view", "exchange.run", "exchange.configure")
FAILED = watching.Alarm("failed", "连续失败 2 次", "failed 2 times in a row", {"failures": 2})


class Kept(Message):
    """Keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.letters: list[Any] = []

    def handle_message(self, message: Any) -> None:
        self.letters.append(message)


@pytest.fixture
def feed(tmp_path: Path) -> Feed:
    """A feed of the hospital."""
    lab.hospital()
    return lab.feed(lab.source(tmp_path / "lis.db", lab.good(1)))


@pytest.fixture
def mailbox(settings: Any) -> Iterator[list[Any]]:
    """A mail server, and the letters it got."""
    from tests.faults.edge_county import free_port

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


def channel(way: str, address: str, **facts: Any) -> Channel:
    """A channel of the data clerks."""
    return notices.save_channel(CLERK, role="data_clerk", way=way, address=address, **{"org_code": "", "kinds": [], "active": True, **facts})  # fmt: skip


def test_an_alarm_is_mailed_when_it_opens_and_when_it_is_over(feed: Feed, mailbox: list[Any]) -> None:
    """Each once, however often the alarm is told anew; both mailboxes of the channel get it."""
    channel("mail", "clerk@county.example, head@county.example")
    alarms.keep(feed, [FAILED])
    alarms.keep(feed, [FAILED])
    assert notices.work() == 1 and notices.work() == 0
    alarms.keep(feed, [])
    assert notices.work() == 1
    assert len(mailbox) == 2
    first = mailbox[0]
    assert "clerk@county.example" in first["To"] and "head@county.example" in first["To"]
    assert "连续失败 2 次" in first.get_payload(decode=True).decode() and "alarms" in first.get_payload(decode=True).decode()  # fmt: skip


def test_a_webhook_is_signed_and_tried_again(feed: Feed, hook: tuple[str, list[tuple[str, bytes]], list[int]]) -> None:
    """A receiver that fails gets the letter again later; its signature is the HMAC of the body under the channel's key."""
    url, came, answers = hook
    answers.append(500)
    made = channel("webhook", url)
    alarms.keep(feed, [FAILED])
    notices.work()
    notice = Notice.objects.get()
    assert (notice.state, notice.attempts) == ("waiting", 1) and "500" in notice.error
    assert notices.work() == 0  # not before its time
    Notice.objects.update(due_at=notice.created_at)
    notices.work()
    notice.refresh_from_db()
    assert notice.state == "sent" and len(came) == 2
    signature, body = came[1]
    assert signature == "sha256=" + hmac.digest(notices.key_of(made).encode(), body, "sha256").hex()
    said = json.loads(body)
    assert (said["event"], said["kind"], said["feed"]) == ("opened", "failed", feed.name)


def test_a_channel_hears_only_of_its_institution_and_kinds(feed: Feed, mailbox: list[Any]) -> None:
    """Another institution's channel, another kind's and a resting one stay silent."""
    channel("mail", "a@x.example", org_code="200000002X")
    channel("mail", "b@x.example", kinds=["silent"])
    channel("mail", "c@x.example", active=False)
    channel("mail", "d@x.example", kinds=["failed"], org_code=feed.org_code)
    alarms.keep(feed, [FAILED])
    notices.work()
    assert [m["To"] for m in mailbox] == ["d@x.example"]


def test_a_server_that_is_away_is_given_up_after_some_days(feed: Feed, settings: Any) -> None:
    """Eight attempts, each later than the one before; then the page shows the failure."""
    settings.EMAIL_BACKEND = f"{EmailBackend.__module__}.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    channel("mail", "clerk@county.example")
    alarms.keep(feed, [FAILED])
    for _ in range(letters.ATTEMPTS):
        Notice.objects.update(due_at=Notice.objects.get().created_at)
        notices.work()
    assert Notice.objects.get().state == "failed"
    assert "发送失败" in signed_in(ACTS).get(reverse("exchange:channels")).content.decode()


@pytest.mark.parametrize(
    ("way", "address"),
    [("webhook", "http://example.org/x"), ("webhook", "https://u:p@example.org/"), ("webhook", "file:///etc/passwd"), ("mail", "nobody"), ("mail", "a@b\r\nBcc: c@d")],
)  # fmt: skip
def test_an_address_that_is_not_safe_is_refused(way: str, address: str) -> None:
    """No plain HTTP to elsewhere, no password in an address, no second header in a mailbox."""
    with pytest.raises(Refused) as refused:
        channel(way, address)
    assert refused.value.code == "outbox.channel_odd"


def test_a_channel_is_made_tried_and_removed_on_its_page(mailbox: list[Any]) -> None:
    """The form, the trial letter and the removal."""
    client = signed_in(ACTS)
    given = {"role": "clerk", "way": "mail", "address": "clerk@county.example", "active": "on", "org_code": ""}
    assert client.post(reverse("exchange:channel-new"), {**given, "address": "x"}).status_code == 409
    assert client.post(reverse("exchange:channel-new"), given).status_code == 302
    made = Channel.objects.get()
    assert "clerk@county.example" in client.get(reverse("exchange:channels")).content.decode()
    assert client.post(reverse("exchange:channel-act", args=[made.pk, "test"])).status_code == 302
    assert len(mailbox) == 1
    assert client.post(reverse("exchange:channel-act", args=[made.pk, "remove"])).status_code == 302
    assert not Channel.objects.exists()
