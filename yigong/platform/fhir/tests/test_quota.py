"""Quotas of the register hold for FHIR: a client beyond its own is told when to come again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from yigong.kit import clock
from yigong.kit.ctx import system
from yigong.platform.bus import register
from yigong.platform.bus.models import Service, Subscription
from yigong.platform.fhir import access
from yigong.platform.fhir.offers import offers
from yigong.platform.fhir.tests import desk

pytestmark = [pytest.mark.django_db, pytest.mark.feature("C14", "C19")]
AT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.fixture
def service() -> Service:
    """FHIR in the register, without a quota."""
    desk.county()
    register.offer(system(), "fhir", offers())
    return Service.objects.get(code="fhir-r4")


def ask(api: desk.Api, count: int) -> list[int]:
    """Statuses of so many reads."""
    found = []
    for _ in range(count):
        api.get("Patient/none", None)
        found.append(api.last.status_code)
    return found


def test_a_client_beyond_its_quota_waits(service: Service) -> None:
    """429 with Retry-After and a sentence; after that many seconds it is heard again; another client is not concerned."""
    Service.objects.filter(pk=service.pk).update(quota_per_minute=12)
    one, other = desk.Api(desk.application()), desk.Api(desk.application(desk.CLINIC))
    with clock.fixed(AT):
        assert ask(one, 3) == [404, 404, 429] and ask(other, 1) == [404]
        assert one.last.headers["Retry-After"] == "5"
        said: Any = one.last.json()["issue"][0]
        assert said["code"] == "throttled" and "12" in said["details"]["text"] and "5 seconds" in said["diagnostics"]
    with clock.fixed(AT + timedelta(seconds=5)):
        assert ask(one, 2) == [404, 429]


def test_what_was_agreed_with_a_client_goes_before(service: Service) -> None:
    """The quota of a subscription is that client's own; a suspended one is not served; without any quota nothing is counted."""
    app = desk.application()
    api = desk.Api(app)
    assert set(ask(api, 5)) == {404} and not Subscription.objects.exists()
    Service.objects.filter(pk=service.pk).update(quota_per_minute=6)
    access.forget()
    api = desk.Api(app)
    with clock.fixed(AT):
        assert ask(api, 2) == [404, 429]
        Subscription.objects.filter(caller=app.client_id).update(quota_per_minute=600)
        access.forget()
    with clock.fixed(AT + timedelta(minutes=1)):
        assert ask(api, 5) == [404] * 5
    Subscription.objects.filter(caller=app.client_id).update(state="suspended")
    access.forget()
    assert ask(api, 1) == [403]
