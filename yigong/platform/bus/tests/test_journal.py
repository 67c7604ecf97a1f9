"""The journal and its worker on a real database: once each, in order for each patient, never given up silently."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from django.db import connection

from yigong.kit import clock
from yigong.kit.ctx import Ctx, system
from yigong.kit.errors import Refused
from yigong.platform.bus import journal, retention, selectors, services, worker
from yigong.platform.bus.envelope import open_envelope
from yigong.platform.bus.models import Endpoint, Message
from yigong.platform.bus.worker import Inbound, Outcome

seen: list[list[str]] = []


def keeper(_ctx: Ctx, messages: Sequence[Inbound]) -> list[Outcome]:
    """Notes what it is given; a message that says 坏 is more than it can take."""
    if any("坏" in m.raw.decode() for m in messages):
        raise ValueError("坏")
    seen.append([open_envelope(m.raw).control_id for m in messages])
    return [Outcome("loaded") for _ in messages]


@pytest.fixture
def endpoint(db: None, settings: object) -> Endpoint:
    """An open endpoint whose messages go to the keeper."""
    settings.BUS_HANDLERS = {"hl7v2": f"{__name__}:keeper"}  # type: ignore[attr-defined]
    seen.clear()
    return services.save_endpoint(system(), "mllp")


def sent(control: str, patient: str = "P1", words: str = "好") -> bytes:
    """A message as it is sent."""
    head = f"MSH|^~\\&|LIS|100000001X|YG|C|20260301||ORU^R01|{control}|P|2.4"
    return f"{head}\rPID|||{patient}||{words}\rOBR|1|A{control}\r".encode()


def accept(endpoint: Endpoint, *raws: bytes) -> int:
    """Journal these."""
    return journal.accept(endpoint.pk, [open_envelope(raw) for raw in raws])


@pytest.mark.feature("C17", "C18")
def test_a_message_sent_again_is_kept_once(endpoint: Endpoint) -> None:
    """Equal control id and content is the same message, inside one transaction and later; another content is another."""
    assert accept(endpoint, sent("1"), sent("1"), sent("2")) == 2
    assert accept(endpoint, sent("1"), sent("1", words="改")) == 1
    assert Message.objects.count() == 3
    assert bytes(Message.objects.earliest("id").raw) == sent("1")


@pytest.mark.feature("C17")
def test_the_journal_commits_durably(endpoint: Endpoint) -> None:
    """The transaction of the journal waits for the disk, whatever the session was set to."""
    with connection.cursor() as cursor:
        cursor.execute("set local synchronous_commit to off")
        accept(endpoint, sent("1"))
        cursor.execute("show synchronous_commit")
        assert cursor.fetchone() == ("on",)


@pytest.mark.feature("C18")
def test_one_patients_messages_are_carried_on_in_order(endpoint: Endpoint) -> None:
    """Each turn takes the eldest of every patient; others do not wait."""
    accept(endpoint, sent("1"), sent("2"), sent("3", "P2"))
    assert (worker.process(), worker.process(), worker.process()) == (2, 1, 0)
    assert seen == [["1", "3"], ["2"]]


@pytest.mark.feature("C18", "C21")
def test_a_failing_message_waits_longer_each_time_then_is_dead_and_can_be_replayed(endpoint: Endpoint) -> None:
    """It holds back its own patient only until it is dead, spoils no other message, and a person sends it again."""
    accept(endpoint, sent("1", words="坏"), sent("2"), sent("3", "P2"))
    assert worker.process() == 2
    bad = Message.objects.get(control_id="1")
    assert (bad.state, bad.attempts, seen) == ("failed", 1, [["3"]])
    assert worker.process() == 0, "its patient waits with it"
    for _ in range(worker.LAST_ATTEMPT - 1):
        with clock.fixed(Message.objects.get(pk=bad.pk).due_at + timedelta(seconds=1)):
            worker.process()
    bad.refresh_from_db()
    assert (bad.state, bad.attempts) == ("dead", worker.LAST_ATTEMPT)
    assert worker.process() == 1 and seen[-1] == ["2"]
    Message.objects.filter(pk=bad.pk).update(raw=sent("1"))
    services.replay(system(), bad.pk)
    assert worker.process() == 1 and seen[-1] == ["1"]
    with pytest.raises(Refused, match="not_replayable"):
        services.replay(system(), bad.pk)


@pytest.mark.feature("C21")
def test_only_processed_messages_are_cleared_when_their_time_is_over(endpoint: Endpoint) -> None:
    """What was never processed stays however old it is."""
    accept(endpoint, sent("1"), sent("2"), sent("3", "P2"))
    worker.process()
    with clock.fixed(clock.now() + timedelta(days=endpoint.keep_days - 1)):
        assert retention.purge(system()) == 0
    with clock.fixed(clock.now() + timedelta(days=endpoint.keep_days + 1)):
        assert retention.purge(system()) == 2
    assert [m.control_id for m in Message.objects.all()] == ["2"]


@pytest.mark.feature("C21")
def test_a_message_is_found_by_its_business_numbers_and_shown_masked(endpoint: Endpoint) -> None:
    """Patient number, order number and control id find it; the person is not readable, the order is."""
    accept(endpoint, sent("77", "P123456", "张三丰"))
    for q in ("77", "P123456", "A77"):
        assert selectors.messages(system(), q=q).count() == 1
    assert selectors.messages(system(), q="P12345").count() == 0
    shown = str(selectors.payload(bytes(Message.objects.get().raw)))
    assert "张三丰" not in shown and "P123456" not in shown and "A77" in shown
    assert selectors.masked("P123456") == f"P1{selectors.MASK}56"
