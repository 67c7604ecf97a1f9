"""A service from its registration to its end through pages, and the calls of one who subscribed."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from yigong.kit import clock
from yigong.platform.bus.models import Message, Service, Subscription
from yigong.platform.bus.tests.ground import HOSPITAL, message
from yigong.platform.bus.tests.test_pages import signed_in
from yigong.platform.bus.worker import process
from yigong.security.models import Audit

pytestmark = pytest.mark.django_db
FACTS = {"code": "report", "version": "1.0", "name": "检验报告发布", "kind": "http", "quota_per_minute": "6"}
ASKED = {"caller": "县医院 LIS", "reason": "报送检验报告", "quota_per_minute": "0"}
SENDER = f"县医院 LIS^{HOSPITAL}"


class Subscriber:
    """One who subscribed through the pages and was approved: the operator's browser, and the key as it was shown once."""

    def __init__(self) -> None:
        self.browser = signed_in()
        self.browser.post(reverse("bus:service-new"), FACTS)
        self.service = Service.objects.get()
        self.act("service-move", "publish")
        self.browser.post(reverse("bus:subscribe", args=[self.service.pk]), ASKED)
        self.row = Subscription.objects.get()
        shown = self.act("subscription-move", "approve").content.decode()
        self.key = re.search(r'id="secret">([^<]+)<', shown).group(1)  # type: ignore[union-attr]

    def act(self, name: str, verb: str, **given: str) -> Any:
        """A button of the service or of its subscription."""
        of = self.service.pk if name == "service-move" else self.row.pk
        return self.browser.post(reverse(f"bus:{name}", args=[of, verb]), given)

    def call(self, body: bytes, key: str | None = None, **headers: str) -> tuple[int, dict[str, str]]:
        """What a call is answered."""
        headers["Authorization"] = f"Bearer {self.key if key is None else key}"
        url = reverse("bus-intake:call", args=["report"])
        found = Client().post(url, body, content_type="application/octet-stream", headers=headers)
        return found.status_code, found.json()


@pytest.mark.feature("C14")
def test_a_service_is_registered_once_and_its_key_is_shown_once() -> None:
    """The same service and the same subscription again are refused in the form; the key is on no later page and in no row."""
    one = Subscriber()
    assert one.browser.post(reverse("bus:service-new"), FACTS).status_code == 422
    assert one.browser.post(reverse("bus:subscribe", args=[one.service.pk]), ASKED).status_code == 422
    assert one.key not in one.browser.get(reverse("bus:service", args=[one.service.pk])).content.decode()
    one.row.refresh_from_db()
    assert one.key not in str(one.row.__dict__)


@pytest.mark.feature("C14")
def test_calls_within_the_quota_are_kept_once_and_one_beyond_is_refused() -> None:
    """Without a key 401, with another 403, beyond the quota 429 until a minute has gone, empty 400; what came is named as it was sent."""
    one = Subscriber()
    more = {"Idempotency-Key": "X9", "X-Message-Type": "visit.changed", "X-Partition-Key": "P5"}
    assert (one.call(message("M1"), "")[0], one.call(message("M1"), "wrong")[0]) == (401, 403)
    first = one.call(message("M1"))
    assert first[0] == 202 and one.call(message("M1")) == first, "the same message again is the same"
    assert one.call(b'{"a": 1}', **more)[0] == 429
    with clock.fixed(clock.now() + timedelta(minutes=1)):
        assert (one.call(b'{"a": 1}', **more)[0], one.call(b"  ")[0]) == (202, 400)
        process()
    kept = Message.objects.order_by("pk")
    assert [(m.kind, m.org_code, m.sender) for m in kept] == [
        ("ORU^R01", HOSPITAL, SENDER), ("visit.changed", HOSPITAL, SENDER),
    ]  # fmt: skip
    assert Message.objects.get(kind="visit.changed").state == "processed"
    assert "县医院 LIS" in one.browser.get(reverse("bus:service", args=[one.service.pk])).content.decode()


@pytest.mark.feature("C14")
def test_a_service_is_retired_when_nobody_subscribes_any_more() -> None:
    """Suspending asks for a reason and stops the calls; with a subscriber no retirement; all of it is in the audit."""
    one = Subscriber()
    assert one.act("subscription-move", "suspend").status_code == 422, "a reason is asked for"
    one.act("subscription-move", "suspend", reason="核查")
    assert one.call(message("M3"))[0] == 403
    one.act("service-move", "deprecate", reason="有新版本")
    assert one.act("service-move", "retire", reason="有新版本").status_code == 409
    one.act("subscription-move", "end", reason="改用新版本")
    one.act("service-move", "retire", reason="有新版本")
    assert Service.objects.get().state == "retired"
    assert {"bus.manage", "bus.subscribe"} <= set(Audit.objects.values_list("action", flat=True))
