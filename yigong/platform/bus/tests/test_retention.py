"""The purge: what is finished goes when its time is over, in batches; what anybody waits for stays however old it is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from yigong.kit import clock
from yigong.kit.ctx import system
from yigong.platform.bus import retention, routing, runs, turning
from yigong.platform.bus.models import Attempt, Delivery, Endpoint, Message, Run, RunStep
from yigong.platform.bus.tests.ground import accept, active, inward, message, outward
from yigong.security.models import Audit

DAYS = 30
pytestmark = pytest.mark.django_db


@pytest.fixture
def ways() -> None:
    """A route to an endpoint and into a process; messages are kept for thirty days."""
    outward("his", "http://127.0.0.1:9/in")
    runs.save_process(system(), "p", name="P", steps=[{"name": "a", "do": {"endpoint": "his"}}])
    active("r", "", {"endpoint": "his"}, {"process": "p"})
    inward()
    Endpoint.objects.filter(code="mllp").update(keep_days=DAYS)


def _one(control: str, state: str, delivery: str, run: str, *, routed: bool, age: int) -> int:
    accept(message(control))
    if routed:
        routing.route()
    row = Message.objects.get(control_id=control)
    Message.objects.filter(pk=row.pk).update(state=state, received_at=clock.now() - timedelta(days=age))
    for sent in row.deliveries.all():
        Attempt.objects.create(delivery=sent, number=1, began_at=clock.now(), result="delivered")
    row.deliveries.update(state=delivery)
    for begun in row.runs.all():
        RunStep.objects.create(run=begun, number=0, way="do", began_at=clock.now())
    row.runs.update(state=run)
    return row.pk


@pytest.mark.feature("C21")
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    messages=st.lists(
        st.tuples(
            st.sampled_from(["received", "processed", "failed", "dead"]),
            st.sampled_from(["waiting", "sending", "delivered", "dead", "discarded"]),
            st.sampled_from(["running", "finished", "compensating", "compensated", "stuck", "settled"]),
            st.booleans(), st.sampled_from([1, DAYS - 1, DAYS + 1, 4000]),
        ),
        min_size=1, max_size=6,
    )
)  # fmt: skip
def test_only_what_is_finished_and_over_goes(ways: None, messages: list[tuple[str, str, str, bool, int]]) -> None:
    """Whatever states meet, exactly those messages go that are processed, routed, delivered or given up, run to an end, and old."""
    Message.objects.all().delete()
    stays = set()
    for number, (state, delivery, run, routed, age) in enumerate(messages):
        pk = _one(str(number), state, delivery, run, routed=routed, age=age)
        over = state == "processed" and routed and delivery in ("delivered", "discarded") and age > DAYS
        if not (over and run in ("finished", "compensated", "settled")):
            stays.add(pk)
    gone = retention.purge(system())
    assert set(Message.objects.values_list("pk", flat=True)) == stays and gone == len(messages) - len(stays)
    assert set(Delivery.objects.values_list("message_id", flat=True)) <= stays
    assert set(Attempt.objects.values_list("delivery__message_id", flat=True)) <= stays
    assert set(Run.objects.values_list("message_id", flat=True)) <= stays


@pytest.mark.feature("C21")
def test_many_go_in_batches_and_the_audit_says_how_many(ways: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each batch is a transaction of its own; a bound on one purge is held; what is new stays."""
    monkeypatch.setattr(retention, "BATCH", 7)
    accept(*(message(str(n), f"P{n}") for n in range(40)))
    Message.objects.update(state="processed", routed_at=clock.now())
    Message.objects.filter(control_id__in=[str(n) for n in range(36)]).update(
        received_at=clock.now() - timedelta(days=99)
    )
    assert retention.purge(system(), most=10) == 10
    assert retention.purge(system()) == 26 and retention.purge(system()) == 0
    assert sorted(Message.objects.values_list("control_id", flat=True)) == ["36", "37", "38", "39"]
    assert [a.after for a in Audit.objects.filter(action="bus.purge").order_by("pk")] == [
        {"purged": 10},
        {"purged": 26},
    ]


@pytest.mark.feature("C21")
def test_the_worker_clears_once_an_hour(ways: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first turn clears, the next ones within the hour do not look."""
    monkeypatch.setattr(turning, "_last", [])
    for control in ("1", "2"):
        accept(message(control))
        Message.objects.update(state="processed", routed_at=clock.now(), received_at=clock.now() - timedelta(days=99))
        assert turning.clean() == (control == "1")
    assert Message.objects.count() == 1
