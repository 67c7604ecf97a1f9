"""Bounded retention: what is settled loses its content when its time is over, what anybody waits for stays however old."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse

from yigong.kit import clock
from yigong.kit import ctx as actors
from yigong.platform.exchange import quarantine, retention, services
from yigong.platform.exchange.models import BatchRun, Finding, LogLine, Quarantined
from yigong.platform.exchange.tests import lab
from yigong.platform.exchange.tests.test_pages import CLERK, signed_in
from yigong.security.models import Audit

pytestmark = [pytest.mark.django_db, pytest.mark.feature("C21")]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A source with four rows that may not go in."""
    lab.hospital()
    return lab.source(tmp_path / "lis.db", [*lab.good(3), *(lab.row(n, JG="高") for n in range(6, 10))])


def test_settled_rows_lose_their_content_and_stay_settled(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Given up and mended rows are emptied after their time, in batches; what waits stays whole; the source's next word changes nothing."""
    monkeypatch.setattr(retention, "BATCH", 1)
    feed = lab.feed(path)
    services.run(actors.system(), feed)
    gone, mended, waits, later = Quarantined.objects.order_by("id")
    quarantine.discard(actors.system(), [gone.pk], "重复")
    quarantine.mend(actors.system(), mended.pk, {**mended.raw, "JG": "5.1"})
    services.resend(actors.system(), [mended.pk])
    with clock.fixed(clock.now() + retention.SETTLED - timedelta(days=1)):
        assert retention.purge(actors.system())["rows"] == 0
        quarantine.discard(actors.system(), [later.pk], "晚些时候")
    with clock.fixed(clock.now() + retention.SETTLED + timedelta(days=1)):
        assert retention.purge(actors.system())["rows"] == 2 and retention.purge(actors.system())["rows"] == 0
        services.run(actors.system(), feed)
    kept = {r.pk: (r.state, bool(r.raw), bool(r.reasons)) for r in Quarantined.objects.all()}
    assert kept == {
        gone.pk: ("discarded", False, False), mended.pk: ("resent", False, False),
        waits.pk: ("waiting", True, True), later.pk: ("discarded", True, True),
    }  # fmt: skip
    assert Audit.objects.filter(subject_kind="retention").count() == 1


def test_an_emptied_row_can_be_looked_at_and_not_taken_back(path: Path) -> None:
    """List and page say that its content is gone, with who gave it up and why; there is nothing to restore."""
    services.run(actors.system(), lab.feed(path))
    row = Quarantined.objects.earliest("id")
    quarantine.discard(actors.system(), [row.pk], "重复")
    with clock.fixed(clock.now() + 2 * retention.SETTLED):
        retention.purge(actors.system())
    client = signed_in(CLERK)
    assert client.get(reverse("exchange:quarantine")).status_code == 200
    text = client.get(reverse("exchange:row", args=[row.pk])).content.decode()
    assert "内容已清除" in text and "重复" in text and "高" not in text
    assert client.post(reverse("exchange:restore", args=[row.pk]), {"reason": "…"}).status_code == 409


def test_old_lines_of_logs_go_and_accounts_stay(path: Path) -> None:
    """After their time lines are removed; batches and findings, from which causes are told, are kept."""
    services.run(actors.system(), lab.feed(path))
    before = (BatchRun.objects.count(), Finding.objects.count())
    lines = LogLine.objects.count()
    assert lines and all(before)
    with clock.fixed(clock.now() + retention.LOGS - timedelta(days=1)):
        assert retention.purge(actors.system())["lines"] == 0
    with clock.fixed(clock.now() + retention.LOGS + timedelta(days=1)):
        assert retention.purge(actors.system())["lines"] == lines
    assert (BatchRun.objects.count(), Finding.objects.count(), LogLine.objects.count()) == (*before, 0)
