"""The close of a day signed by both sides."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.urls import reverse

from yigong.edge import wire
from yigong.kit import clock
from yigong.kit.ctx import Ctx, Purpose, Reach
from yigong.kit.errors import Refused
from yigong.platform.exchange import account, alarms, services
from yigong.platform.exchange.edge import certificates
from yigong.platform.exchange.edge import services as nodes
from yigong.platform.exchange.edge.models import Bundle, Certificate, CloseState, Node
from yigong.platform.exchange.edge.tests import place
from yigong.platform.exchange.edge.tests.test_pages import signed_in
from yigong.platform.exchange.models import Alarm, Feed, FeedState, Job, Sheet
from yigong.platform.exchange.nodes import on_the_way
from yigong.platform.exchange.tests import lab

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yesterday(machine: place.Machine) -> Iterator[place.Machine]:
    """A node whose rows came in; at the centre all of it lies a day back, and the day is closed."""
    machine.read()
    machine.send()
    place.work()
    day = timedelta(days=1)
    for bundle in Bundle.objects.all():
        Bundle.objects.filter(pk=bundle.pk).update(received_at=bundle.received_at - day)
    Job.objects.update(started_at=clock.now() - day)
    Sheet.objects.all().delete()
    account.refresh(Feed.objects.get(), clock.today() - day)
    account.close_past(place.CLERK)
    today, before = clock.today().isoformat(), (clock.today() - day).isoformat()
    with machine.buffer._commit() as db:
        db.execute("update ledger set day = ? where day = ?", [before, today])
    yield machine


@pytest.mark.feature("C11")
def test_a_closed_day_is_signed_by_centre_and_node(yesterday: place.Machine) -> None:
    """The centre signs the balanced sheet, the node signs the same text because its own ledger agrees; both keep both."""
    assert certificates.offer() == 1 and certificates.offer() == 0
    yesterday.sender.beat_soon()
    yesterday.sender.step()
    found = Certificate.objects.get()
    assert found.state == CloseState.SIGNED and certificates.is_sound(found)
    facts = json.loads(found.text)
    assert facts["sheet"]["loaded"] == 120 and facts["sent"]["rows"] == 120 and facts["sent"]["bundles"] == 4
    assert wire.is_signed(found.public_key, found.signature, wire.close_base(found.text))
    kept = yesterday.buffer._one("select certificate from ledger where certificate is not null")
    assert kept and json.loads(kept[0])["text"] == found.text


@pytest.mark.feature("C11")
def test_a_node_that_counted_otherwise_does_not_sign(yesterday: place.Machine) -> None:
    """One row more at the centre than the node sent: the node says what it counted, and the certificate is disputed."""
    bundle = Bundle.objects.order_by("id")[0]
    Bundle.objects.filter(pk=bundle.pk).update(rows=bundle.rows + 1)
    certificates.offer()
    yesterday.sender.beat_soon()
    yesterday.sender.step()
    found = Certificate.objects.get()
    assert found.state == CloseState.DISPUTED and not found.signature
    assert found.figures["rows"] == 120 and json.loads(found.text)["sent"]["rows"] == 121
    page = signed_in().get(reverse("edge:close", args=[found.pk])).content.decode()
    assert "121" in page and "120" in page


@pytest.mark.feature("C11")
def test_a_changed_certificate_is_found_out(yesterday: place.Machine) -> None:
    """A figure changed after the signing breaks the signatures, and the page says so."""
    certificates.offer()
    yesterday.sender.beat_soon()
    yesterday.sender.step()
    found = Certificate.objects.get()
    Certificate.objects.update(text=found.text.replace('"loaded":120', '"loaded":121'))
    found.refresh_from_db()
    assert not certificates.is_sound(found)


@pytest.mark.feature("C11")
def test_without_a_node_a_person_of_the_institution_signs(db: None, tmp_path: Path) -> None:
    """Only somebody of that institution, and only once the day is closed; the name stands on the certificate."""
    lab.hospital()
    feed = lab.feed(lab.source(tmp_path / "lis.db", lab.good(2)))
    day = clock.today() - timedelta(days=1)
    Sheet.objects.create(feed=feed, day=day, read=4, loaded=4, closed_at=clock.now())
    assert certificates.offer() == 1
    found = Certificate.objects.get()
    for org, fits in (("200000002X", False), (lab.HOSPITAL, True)):
        clerk = _clerk(org)
        if fits:
            assert certificates.confirm(clerk, found.pk).state == CloseState.SIGNED
        else:
            with pytest.raises(Refused) as refused:
                certificates.confirm(clerk, found.pk)
            assert refused.value.code == "edge.close_elsewhere"
    found.refresh_from_db()
    assert found.signed_by == "钱会计"


def _clerk(org: str) -> Ctx:
    acts = frozenset({"exchange.edge.confirm"})
    return Ctx(1, "钱会计", "quality_clerk", org, (org,), acts, Reach.OWN, Purpose.OPERATION)


@pytest.mark.feature("C10", "C11")
def test_a_day_does_not_close_while_its_bundles_wait(machine: place.Machine) -> None:
    """Receipted and not in: the day stays open with its reason; carried after midnight the rows stand in their own day."""
    machine.read()
    machine.send()
    day = clock.today()
    yesterday = clock.now() - timedelta(days=1)
    Bundle.objects.update(received_at=yesterday)
    feed = Feed.objects.get()
    account.refresh(feed, day - timedelta(days=1))
    assert account.close_past(place.CLERK)[0] == 0 and Sheet.objects.get().trouble == "bundles"
    place.work()
    sheet = Sheet.objects.get()
    assert (sheet.day, sheet.read, sheet.loaded) == (day - timedelta(days=1), 120, 120) and sheet.balances
    assert account.close_past(place.CLERK)[0] == 1


@pytest.mark.feature("C12")
def test_what_cannot_go_in_at_the_centre_is_an_alarm(machine: place.Machine) -> None:
    """A mapping that no longer fits holds the bundles of a node: told with its reason, over once they are in."""
    feed = Feed.objects.get()
    good = feed.mappings.get().text
    services.next_version(place.CLERK, feed, good.replace("YSQM", "YSXM"))
    machine.read()
    machine.send()
    place.work()
    alarm = Alarm.objects.get(closed_at=None)
    assert alarm.kind == "failed" and "YSXM" in alarm.zh
    services.next_version(place.CLERK, feed, good)
    Bundle.objects.update(due_at=clock.now())
    place.work()
    assert not Alarm.objects.filter(closed_at=None).exists()


@pytest.mark.feature("C12")
def test_a_feed_whose_node_was_revoked_is_an_alarm(machine: place.Machine) -> None:
    """Nobody reads it any more: that is told until another node does, or the centre."""
    nodes.revoke(place.CLERK, Node.objects.get().pk, reason="设备报废")
    alarms.judge_all(place.CLERK)
    assert "注销" in Alarm.objects.get(closed_at=None).zh


@pytest.mark.feature("C11")
def test_a_close_that_was_opened_again_is_signed_by_nobody(db: None, tmp_path: Path) -> None:
    """Rows that came later open the day: the old certificate holds no more, the one of the new close does; the same figures need none."""
    lab.hospital()
    feed = lab.feed(lab.source(tmp_path / "lis.db", lab.good(2)))
    day = clock.today() - timedelta(days=1)
    sheet = Sheet.objects.create(feed=feed, day=day, read=4, loaded=4, closed_at=clock.now())
    certificates.offer()
    first = Certificate.objects.get()
    Sheet.objects.filter(pk=sheet.pk).update(closed_at=None)
    with pytest.raises(Refused) as refused:
        certificates.confirm(_clerk(lab.HOSPITAL), first.pk)
    assert refused.value.code == "edge.close_overtaken" and certificates.offer() == 0
    Sheet.objects.filter(pk=sheet.pk).update(closed_at=clock.now())
    assert certificates.offer() == 0 and Certificate.objects.count() == 1  # it closed with the same figures
    assert certificates.confirm(_clerk(lab.HOSPITAL), first.pk).state == CloseState.SIGNED
    Sheet.objects.filter(pk=sheet.pk).update(read=5, loaded=5, closed_at=clock.now())
    assert certificates.offer() == 1
    assert certificates.standing().get().pk != first.pk


@pytest.mark.feature("C11")
def test_a_person_of_the_institution_says_what_differs(db: None, tmp_path: Path) -> None:
    """With a reason; it is an alarm at the centre, which asks again once it is settled; then it is signed."""
    lab.hospital()
    feed = lab.feed(lab.source(tmp_path / "lis.db", lab.good(2)))
    day = clock.today() - timedelta(days=1)
    Sheet.objects.create(feed=feed, day=day, read=4, loaded=4, closed_at=clock.now())
    certificates.offer()
    found, clerk = Certificate.objects.get(), _clerk(lab.HOSPITAL)
    with pytest.raises(Refused, match="close_reason"):
        certificates.dispute(clerk, found.pk, " ")
    certificates.dispute(clerk, found.pk, "本院当日 5 行")
    assert certificates.confirm(clerk, found.pk).state == CloseState.DISPUTED
    alarms.judge(feed.pk)
    assert day.isoformat() in Alarm.objects.get(kind="uneven", closed_at=None).zh
    office = signed_in(("exchange.view", "exchange.run"))
    page = office.get(reverse("edge:close", args=[found.pk])).content.decode()
    assert "本院当日 5 行" in page and "请重新核对" in page
    certificates.offer_again(place.CLERK, found.pk)
    assert certificates.confirm(clerk, found.pk).state == CloseState.SIGNED
    alarms.judge(feed.pk)
    assert not Alarm.objects.filter(kind="uneven", closed_at=None).exists()


@pytest.mark.feature("C08")
def test_a_node_runs_on_the_map_until_its_last_row_is_in(machine: place.Machine) -> None:
    """From the beat that tells of waiting rows, over all that is carried in meanwhile, to the beat that tells of none."""
    machine.read()
    machine.sender.beat_soon()
    machine.sender.step()
    feed = Feed.objects.get()
    assert feed.state == FeedState.RUNNING and on_the_way(feed) == 120
    for _ in range(2):
        machine.sender.step()
    place.work()
    feed.refresh_from_db()
    job = Job.objects.get()
    assert feed.state == FeedState.RUNNING and 0 < job.read < 120 and feed.good_at is not None
    page = signed_in().get(reverse("exchange:monitor")).content.decode()
    assert "执行" in page
    machine.send()
    place.work()
    machine.sender.beat_soon()
    machine.sender.step()
    assert Feed.objects.get().state == FeedState.SUCCEEDED
