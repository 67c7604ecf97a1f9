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
from yigong.platform.bus import register, runs, turning
from yigong.platform.bus.models import Endpoint, Message, Run, RunStep
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


SENT = {
    "endpoint": "partner",
    "steps": [{"step": "json.build", "fields": {"act": "'do'", "step": "'1'", "lab": "lab"}}],
}
REPLY = "ORU^R01"
RICH: list[dict[str, Any]] = [
    {"name": "急诊跳过预约", "kind": "branch", "do": {"if": "[PV1-2] = 'E'", "to": 3}},
    {"name": "预约", "do": SENT, "when": "type = 'ORM^O01'"},
    {"name": "去掉就诊段", "kind": "transform", "do": {"steps": [{"step": "hl7v2.drop", "segments": ["PV1"]}], "keep": {"lab": "OBR-2"}}},
    {"name": "等结果", "kind": "wait", "do": {"number": "order", "value": "[OBR-2]", "type": REPLY, "hours": 2, "keep": {"lab": "OBR-3"}}},
    {"name": "告知", "kind": "call", "do": {**{k: v for k, v in SENT.items() if k != "endpoint"}, "service": "tell"}},
]  # fmt: skip


def rich(receiver: HttpReceiver, visit: str) -> Run:
    """A run of a process with every kind of step, begun by a message of an order."""
    outward("partner", receiver.url)
    service = register.move_service(
        system(), register.save_service(system(), "tell", "1.0", name="告知", kind="http").pk, "publish"
    )
    Endpoint.objects.filter(code="partner").update(service=service)
    runs.save_process(system(), "rich", name="申请到结果", steps=RICH)
    active("orders", "type = 'ORM^O01'", {"process": "rich"})
    accept(message("1", kind="ORM^O01", visit=visit))
    turning.work()
    return Run.objects.get()


@pytest.mark.feature("C16")
@pytest.mark.parametrize(("visit", "booked"), [("E", False), ("O", True)])
def test_steps_branch_transform_wait_and_call_a_service(visit: str, booked: bool) -> None:
    """A branch leaves steps out, a condition too; what a step transforms and keeps the next ones see; the answer ends the waiting."""
    with http_receiver() as receiver:
        run = rich(receiver, visit)
        assert played(run).state == "running"
        before = dict(run.done.values_list("number", "outcome"))
        assert before == {0: "done", 1: "done" if booked else "skipped", 2: "done", 3: ""}
        assert run.body is not None and b"PV1" not in bytes(run.body) and run.facts["lab"] == "A1"
        accept(message("1", kind=REPLY))
        assert played(run, minutes=1).state == "finished"
        assert [json.loads(g.body)["lab"] for g in receiver.got] == ([None, "B1"] if booked else ["B1"])


@pytest.mark.feature("C16")
def test_an_answer_that_does_not_come_in_time_sends_the_run_back() -> None:
    """When the hours are over the wait is refused with its sentence, and what was done is undone."""
    with http_receiver() as receiver:
        run = played(rich(receiver, "E"))
        run = played(run, minutes=121)
        assert run.state == "compensated" and run.done.get(number=3).error["code"] == "bus.no_answer"
        assert not receiver.got


@pytest.mark.feature("C16")
@pytest.mark.parametrize(
    ("step", "code"),
    [
        ({"name": ""}, "bus.step_unnamed"),
        ({"name": "a", "kind": "pray", "do": {}}, "bus.step_kind"),
        ({"name": "a", "do": {"steps": []}}, "bus.step_target"),
        ({"name": "a", "do": {"endpoint": "nowhere"}}, "bus.no_such_endpoint"),
        ({"name": "a", "kind": "call", "do": {"service": "none"}}, "bus.no_such_service"),
        ({"name": "a", "kind": "transform", "do": {"steps": [{"step": "x"}]}}, "bus.unknown_step"),
        ({"name": "a", "kind": "wait", "do": {"number": "shoe", "value": "order"}}, "bus.step_wait"),
        ({"name": "a", "kind": "branch", "do": {"if": "type = 'A'", "to": 1}}, "bus.step_branch"),
        ({"name": "a", "kind": "branch", "do": {"if": "type = ", "to": 2}}, "bus.bad_condition"),
        ({"name": "a", "kind": "wait", "do": {"number": "order", "value": "order"}, "undo": {"endpoint": "x"}}, "bus.step_undo"),
        ({"name": "a", "do": {"endpoint": "x"}, "attempts": 0}, "bus.step_attempts"),
        ({"name": "a", "do": {"endpoint": "x", "colour": "red"}}, "bus.step_parts"),
    ],
)  # fmt: skip
def test_what_cannot_be_a_step_is_refused_by_name(step: dict[str, Any], code: str) -> None:
    """Each fault has its own code, with the number of the step."""
    with pytest.raises(Refused) as refused:
        runs.save_process(system(), "bad", name="坏", steps=[step])
    assert refused.value.code == code
    assert 1 in (refused.value.facts.get("number"), refused.value.facts.get("in_step"))
