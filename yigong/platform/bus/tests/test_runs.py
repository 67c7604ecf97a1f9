"""Processes run against real receivers: forward, back in reverse, resumed, cancelled, settled."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest

from yigong.kit import clock
from yigong.kit.ctx import system
from yigong.kit.errors import Refused
from yigong.platform.bus import runs, turning
from yigong.platform.bus.models import Message, Run, RunStep
from yigong.platform.bus.tests.ground import accept, active, inward, message, outward
from yigong.platform.bus.tests.receivers import Got, HttpReceiver, http_receiver

pytestmark = pytest.mark.django_db(transaction=True)


def act(way: str, number: str) -> dict[str, Any]:
    """One act: tells the receiver what is done, with what an earlier step kept."""
    fields = {"act": f"'{way}'", "step": f"'{number}'", "patient": "patient", "booking": "booking"}
    return {
        "endpoint": "partner",
        "steps": [{"step": "json.build", "fields": fields}],
        "keep": {"booking": "$.booking"},
    }


STEPS = [
    {"name": "预约", "do": act("do", "1"), "undo": act("undo", "1")},
    {"name": "缴费", "do": act("do", "2"), "undo": act("undo", "2"), "attempts": 2},
    {"name": "通知", "do": act("do", "3")},
]


def said(receiver: HttpReceiver) -> list[str]:
    """What was asked of the receiver, in order: ``do 1`` …"""
    return [f"{b['act']} {b['step']}" for b in (json.loads(g.body) for g in receiver.got)]


def answering(refused: dict[str, int]) -> Any:
    """Answers with a booking number, or with the status given for an act."""

    def answer(got: Got) -> tuple[int, bytes]:
        body = json.loads(got.body)
        status = refused.get(f"{body['act']} {body['step']}", 200)
        return status, b'{"booking": "B77"}' if body["step"] == "1" else b"{}"

    return answer


def begun(receiver: HttpReceiver, steps: list[dict[str, Any]] = STEPS) -> Run:
    """A run of the process."""
    outward("partner", receiver.url)
    runs.save_process(system(), "visit", name="就诊", steps=steps)
    return runs.begin(system(), "visit", key="K1", facts={"patient": "P1", "booking": ""})


def played(run: Run, *, minutes: int = 0) -> Run:
    """The run after as many turns as it takes, now or some minutes later."""
    with clock.fixed(clock.now() + timedelta(minutes=minutes)) if minutes else nullcontext():
        for _ in range(20):
            if not runs.turn():
                break
    run.refresh_from_db()
    return run


@pytest.mark.feature("C16")
def test_a_run_goes_through_its_steps_and_keeps_answers_for_later_ones() -> None:
    """Each step once, in order; what an answer said travels on; begun again under its key it is the same run."""
    with http_receiver() as receiver:
        receiver.answer = answering({})
        run = played(begun(receiver))
        assert (run.state, said(receiver)) == ("finished", ["do 1", "do 2", "do 3"])
        assert json.loads(receiver.got[1].body)["booking"] == "B77"
        assert runs.begin(system(), "visit", key="K1", facts={}).pk == run.pk
        assert len(set(receiver.keys)) == 3


@pytest.mark.feature("C16")
def test_a_step_that_is_refused_undoes_those_before_it_in_reverse_order() -> None:
    """The refused step left nothing and is not undone."""
    with http_receiver() as receiver:
        receiver.answer = answering({"do 3": 422})
        run = played(begun(receiver))
        assert (run.state, said(receiver)) == ("compensated", ["do 1", "do 2", "do 3", "undo 2", "undo 1"])


@pytest.mark.feature("C16", "C17")
def test_a_step_without_a_clear_answer_is_tried_again_then_undone_too() -> None:
    """Tried as often as it says under one idempotency key; nobody knows whether it came about, so it is undone."""
    with http_receiver() as receiver:
        receiver.answer = answering({"do 2": 500})
        run = begun(receiver)
        played(run)
        assert said(receiver) == ["do 1", "do 2"]
        run = played(run, minutes=5)
        assert (run.state, said(receiver)) == ("compensated", ["do 1", "do 2", "do 2", "undo 2", "undo 1"])
        assert receiver.keys[1] == receiver.keys[2]


@pytest.mark.feature("C16")
def test_an_undoing_that_is_refused_waits_for_a_person() -> None:
    """Stuck with its reason; tried again by a person it completes, or a person settles it with a reason."""
    with http_receiver() as receiver:
        receiver.answer = answering({"do 2": 422, "undo 1": 422})
        run = played(begun(receiver))
        assert run.state == "stuck"
        with pytest.raises(Refused, match="missing"):
            runs.move(system(), run.pk, "settle")
        receiver.answer = answering({})
        runs.move(system(), run.pk, "retry")
        assert played(run).state == "compensated"


@pytest.mark.feature("C16")
def test_a_run_that_is_cancelled_goes_back() -> None:
    """Between steps a person cancels; what was done is undone."""
    with http_receiver() as receiver:
        receiver.answer = answering({})
        run = begun(receiver)
        runs.turn()
        runs.move(system(), run.pk, "cancel", reason="患者取消")
        assert (played(run).state, said(receiver)) == ("compensated", ["do 1", "undo 1"])


@pytest.mark.feature("C16", "C17")
def test_a_run_whose_worker_died_goes_on_under_the_same_key() -> None:
    """A step sent and not noted is sent again when the lease is over, and its receiver knows it again."""
    with http_receiver() as receiver:
        receiver.answer = answering({})
        run = begun(receiver)
        act_in_hand = runs._prepare(run.pk, _claimed(run))
        assert act_in_hand is not None
        runs._sent(act_in_hand)  # and here the worker dies
        assert runs.turn() == 0, "the lease holds"
        run = played(run, minutes=4)
        assert (run.state, said(receiver)) == ("finished", ["do 1", "do 1", "do 2", "do 3"])
        assert receiver.keys[0] == receiver.keys[1] != receiver.keys[2]


def _claimed(run: Run) -> int:
    at = clock.now()
    Run.objects.filter(pk=run.pk).update(fence=1, lease_until=at + runs.LEASE)
    return 1


@pytest.mark.feature("C16")
def test_a_route_begins_a_run_and_a_step_puts_a_message_on_the_bus() -> None:
    """One run for each message; what its step journals is there once and is routed in its turn."""
    with http_receiver() as receiver:
        outward("partner", receiver.url)
        inward("made")
        put = {"endpoint": "made", "steps": [{"step": "json.build", "fields": {"order": "[OBR-3]"}}]}
        runs.save_process(system(), "follow", name="随访", steps=[{"name": "生成任务", "do": put}])
        active("start", "type = 'ORU^R01'", {"process": "follow"})
        active("tasks", "endpoint = 'made'", {"endpoint": "partner"})
        accept(message("1"), message("2", "P2"))
        for _ in range(6):
            turning.work()
        assert sorted(g.body for g in receiver.got) == [b'{"order":"B1"}', b'{"order":"B2"}']
    assert Message.objects.filter(endpoint__code="made").count() == 2
    assert set(Run.objects.values_list("state", flat=True)) == {"finished"} and RunStep.objects.count() == 2


@pytest.mark.feature("C16", "C19")
def test_a_run_waits_for_an_endpoint_whose_breaker_is_open() -> None:
    """Nothing is sent, no attempt is used up."""
    from yigong.platform.bus.models import Gate

    with http_receiver() as receiver:
        run = begun(receiver)
        Gate.objects.update(breaker="open", until=clock.now() + timedelta(minutes=2))
        played(run)
        assert (receiver.got, RunStep.objects.count()) == ([], 0)
        receiver.answer = answering({})
        assert played(run, minutes=3).state == "finished"
