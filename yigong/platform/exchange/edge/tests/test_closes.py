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
from yigong.platform.exchange import account
from yigong.platform.exchange.edge import certificates
from yigong.platform.exchange.edge.models import Bundle, Certificate, CloseState
from yigong.platform.exchange.edge.tests import place
from yigong.platform.exchange.edge.tests.test_pages import signed_in
from yigong.platform.exchange.models import Feed, Job, Sheet
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
