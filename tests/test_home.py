"""The home page says what waits for whom, and what is worst first."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from django.test import Client

from yigong.kit.ctx import Purpose, Reach, system
from yigong.platform.exchange import api as exchange
from yigong.platform.exchange.models import Feed
from yigong.quality.tests.conftest import OFFICE, OTHER, OWN, Cast, cast
from yigong.security.api import make_role, make_user

__all__ = ["cast"]
MORNING = datetime(2026, 3, 1, 1, tzinfo=UTC)


def at_home(actions: tuple[str, ...], reach: Reach, org: str) -> str:
    """The home page of somebody who may do so much."""
    make_role("some", "某岗位", actions=actions, reach=reach, purpose=Purpose.OPERATION)
    client = Client()
    client.force_login(make_user("some", "某人", password="a-long-password", role="some", org_code=org))
    return client.get("/").content.decode()


@pytest.mark.feature("C12")
def test_failed_feeds_come_first_and_only_those_in_reach(cast: Cast) -> None:
    """The data office sees a failed feed before one with rows turned away before a good one; none that is switched off."""
    for name, org, state, active in (
        ("好的", OWN, "succeeded", True), ("有拒收的", OTHER, "partial", True), ("失败的", OWN, "failed", True),
        ("停用的", OWN, "failed", False),
    ):  # fmt: skip
        Feed.objects.create(name=name, org_code=org, reader="csv", state=state, active=active, created_at=MORNING)
    assert [f.name for f, _job in exchange.latest_runs(system(), 8)] == ["失败的", "有拒收的", "好的"]
    page = at_home(("home.view", "exchange.view", "exchange.run"), Reach.COUNTY, OFFICE)
    assert page.index("失败的") < page.index("有拒收的") < page.index("好的")
    assert "停用的" not in page


@pytest.mark.feature("C12")
def test_an_institution_sees_its_own_feeds(cast: Cast) -> None:
    """Who works for one institution sees no feed of another on the home page."""
    for name, org in (("我们的", OWN), ("别家的", OTHER)):
        Feed.objects.create(name=name, org_code=org, reader="csv", created_at=MORNING)
    page = at_home(("home.view", "exchange.view", "exchange.run"), Reach.OWN, OWN)
    assert "我们的" in page
    assert "别家的" not in page


@pytest.mark.feature("A21")
@pytest.mark.parametrize(("more", "waits"), [((), False), (("empi.decide",), True)])
def test_what_waits_is_counted_for_those_who_can_settle_it(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], waits: bool
) -> None:
    """Pairs to review are told by number to reviewers, not to those who may only look at the index."""
    from yigong.portal import navigation

    navigation._badges.clear()
    monkeypatch.setattr("yigong.platform.empi.api.review_count", lambda _ctx: 7351)
    page = at_home(("home.view", "empi.view", *more), Reach.COUNTY, OFFICE)
    navigation._badges.clear()
    assert ("99+" in page) is waits
