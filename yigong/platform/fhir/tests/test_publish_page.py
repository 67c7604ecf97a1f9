"""Publishing from the page: chosen, done by the worker a page at a time, told with what could not be published."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from django.test import Client
from django.urls import reverse

from yigong.kit.ctx import Purpose, Reach, system
from yigong.platform.exchange import api as exchange
from yigong.platform.fhir import publish_work, publishing
from yigong.platform.fhir.api import work
from yigong.platform.fhir.models import Publication, Resource
from yigong.platform.fhir.tests import desk
from yigong.security.api import make_role, make_user

pytestmark = [pytest.mark.django_db, pytest.mark.feature("C15")]
NAME = "examination_record"


def reports(count: int, **facts: Any) -> None:
    """Imaging reports of one person from the hospital's own database."""
    rows = [
        {
            "org_code": desk.HOSPITAL, "source_system": "RIS", "person_system": "RIS", "local_id": f"P{n % 2}", "source_key": f"R{n}", "group_key": f"R{n}",
            "event_at": "2026-03-01T08:30:00+08:00", "examination_report_objective_findings": f"右肺结节 {n}", **facts,
        }
        for n in range(count)
    ]  # fmt: skip
    persons = [
        {"org_code": desk.HOSPITAL, "source_system": "RIS", "local_id": f"P{n}", "full_name": "王秀兰", "sex_code": "2"}
        for n in (0, 1)
    ]
    exchange.take(system(), "检查", "csv", [exchange.StandardBatch(NAME, pl.DataFrame(rows), pl.DataFrame(persons))])


@pytest.fixture
def clerk() -> Client:
    """The keeper of data at the page."""
    desk.county()
    make_role(
        "clerk",
        "数据管理员",
        actions=("fhir.applications", "fhir.publish"),
        reach=Reach.COUNTY,
        purpose=Purpose.OPERATION,
    )
    client = Client()
    client.force_login(make_user("fenglei", "冯磊", password="a-long-password", role="clerk", org_code=desk.HOSPITAL))
    return client


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_clerk_publishes_and_sees_how_far_it_is(
    clerk: Client, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is chosen waits for the worker, goes on page by page, and is told as done; later rows follow by themselves."""
    monkeypatch.setattr(publishing, "BATCH", 2)
    clerk.cookies["django_language"] = language
    reports(5)
    place = reverse("fhir-pages:published")
    assert ("检查记录" if language == "zh-hans" else "xamination") in clerk.get(place).content.decode()
    assert clerk.post(reverse("fhir-pages:publish"), {"source": [NAME, "nothing"]}).status_code == 302
    assert clerk.post(reverse("fhir-pages:publish"), {"source": [NAME]}).status_code == 302
    waiting = clerk.get(place).content.decode()
    assert 'hx-trigger="every 3s"' in waiting
    assert publish_work.step() == 2
    one = Publication.objects.get()
    assert (one.state, one.written, one.since is not None) == ("running", 2, True)
    while work():
        pass
    one.refresh_from_db()
    assert (one.state, one.written, one.left_out, one.ended_at is not None) == ("done", 5, {}, True)
    assert Resource.objects.filter(type="DiagnosticReport").count() == 5
    assert Resource.objects.filter(type="Patient").count() == 2
    assert 'hx-trigger="every 3s"' not in clerk.get(place).content.decode()
    publish_work.ask(system(), [NAME])
    while work():
        pass
    one.refresh_from_db()
    assert (one.state, one.written) == ("done", 0)


def test_what_cannot_be_published_is_counted_with_its_place(clerk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record whose resource would not conform stays a record, and the page says how many and where."""
    reports(3)
    wrong = publishing.building.resource_of
    monkeypatch.setattr(publishing.building, "resource_of", lambda *a: {**wrong(*a), "issued": "上周"})
    publish_work.ask(system(), [NAME])
    while work():
        pass
    assert Publication.objects.get().left_out == {"DiagnosticReport.issued format": 3}
    shown = clerk.get(reverse("fhir-pages:published")).content.decode()
    assert "DiagnosticReport.issued" in shown and "值的格式不符" in shown


def test_a_failure_is_told_and_may_be_tried_again(clerk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that fails stands as failed and does not hold up the others; asked for again it is published."""
    reports(1)
    with monkeypatch.context() as patch:
        patch.setattr(publishing, "_DOCUMENT", ("no_such_column",))
        publish_work.ask(system(), [publishing.DOCUMENTS, NAME])
        while work():
            pass
    states = dict(Publication.objects.values_list("data_set", "state"))
    assert states == {publishing.DOCUMENTS: "failed", NAME: "done"}
    publish_work.ask(system(), [publishing.DOCUMENTS])
    while work():
        pass
    assert Publication.objects.get(pk=publishing.DOCUMENTS).state == "done"


def test_only_who_may_publishes(clerk: Client) -> None:
    """Whoever may look at applications only sees no button and is refused."""
    make_role("looker", "查看", actions=("fhir.applications",), reach=Reach.COUNTY, purpose=Purpose.OPERATION)
    client = Client()
    client.force_login(make_user("lihua", "李华", password="a-long-password", role="looker", org_code=desk.HOSPITAL))
    assert 'name="source"' not in client.get(reverse("fhir-pages:published")).content.decode()
    assert client.post(reverse("fhir-pages:publish"), {"source": [NAME]}).status_code == 403
    assert not Publication.objects.exists()
