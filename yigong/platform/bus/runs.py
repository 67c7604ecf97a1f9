"""Runs of processes: each step sent under its own idempotency key, kept before and after, resumed whatever ended the worker."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction

from yigong.kit.clock import now
from yigong.kit.ctx import Ctx
from yigong.kit.errors import Refused
from yigong.platform.bus import gate, inner, orchestration, senders
from yigong.platform.bus.content import Content, path_form
from yigong.platform.bus.delivery import facts_of, plain, pool
from yigong.platform.bus.domain import OPEN_RUNS, RUN, SERVING, Priority, RunState, Side, backoff
from yigong.platform.bus.envelope import Envelope
from yigong.platform.bus.journal import accept
from yigong.platform.bus.models import SENDS, Endpoint, EndpointState, Message, Process, Run, RunStep, Service, Target
from yigong.platform.bus.orchestration import ATTEMPTS, DO, DONE, REFUSED, UNDO, UNKNOWN, Done, Next
from yigong.platform.bus.selectors import business_number
from yigong.platform.bus.senders import Parcel, Result
from yigong.platform.bus.steps import check as check_steps
from yigong.platform.bus.steps import transform, understood
from yigong.security.api import audit, opaque_id

log = logging.getLogger("yigong.bus")
CLAIM = """
update bus_run set fence = fence + 1, lease_until = %(lease)s where id in (
    select r.id from bus_run r
    where r.state in ('running', 'compensating') and r.due_at <= %(at)s
    and (r.lease_until is null or r.lease_until < %(at)s)
    order by r.due_at, r.id limit %(count)s for update of r skip locked)
returning id, fence
"""
LEASE = timedelta(minutes=3)
PAUSE = timedelta(seconds=15)  # until an endpoint whose breaker is open is asked again


class Act(NamedTuple):
    """A step in hand."""

    run: Run
    fence: int
    next: Next
    endpoint: Endpoint


# ---- declaring ----


@transaction.atomic
def save_process(ctx: Ctx, code: str, *, name: str, steps: Any, is_active: bool = True) -> Process:
    """Declare a process or bring it to these facts; runs that are under way keep their steps.

    Raises Refused as ``check``.
    """
    ctx.must("bus.manage")
    check(steps)
    before = Process.objects.filter(code=code).values("name", "steps", "is_active").first()
    facts = {"name": name, "steps": steps, "is_active": is_active}
    found, _made = Process.objects.update_or_create(
        code=code, defaults=facts, create_defaults={**facts, "created_at": now()}
    )
    audit(ctx, "bus.manage", "bus_process", found.pk, before=before, after=facts)
    return found


def check(steps: Any) -> None:
    """Whether steps may be kept: their form, their targets, what they transform, keep and ask.

    Raises Refused as ``orchestration.check``, bus.step_no_endpoint, bus.step_no_service, and what expressions raise, with the step.
    """
    for number, step in enumerate(orchestration.check(steps), start=1):
        try:
            _check_said(step)
        except Refused as refused:
            raise Refused(refused.code, **{**refused.facts, "in_step": number, "name": step["name"]}) from refused


def _check_said(step: Mapping[str, Any]) -> None:
    texts = [str(step.get("when", ""))]
    for act in (step[way] for way in (DO, UNDO) if step.get(way)):
        if "endpoint" in act and not Endpoint.objects.filter(code=act["endpoint"]).exists():
            raise Refused("bus.no_such_endpoint", endpoint=str(act["endpoint"])[:60])
        if "service" in act and not Service.objects.filter(code=act["service"]).exclude(state="retired").exists():
            raise Refused("bus.no_such_service", service=str(act["service"])[:60])
        check_steps(act.get("steps", []))
        for path in act.get("keep", {}).values():
            path_form(str(path))
        texts += [str(act[part]) for part in ("if", "value") if part in act]
    for text in texts:
        understood(text)


@transaction.atomic
def begin(ctx: Ctx, code: str, *, key: str, facts: Mapping[str, str], message: Message | None = None) -> Run:
    """Begin a run; the same *key* begins once. Raises Refused bus.no_such_process."""
    ctx.must("bus.run")
    process = Process.objects.filter(code=code, is_active=True).first()
    if process is None:
        raise Refused("bus.no_such_process", process=code)
    run, made = _begun(process, key, dict(facts), message, now())
    if made:
        audit(ctx, "bus.run", "bus_run", run.pk, after={"process": code, "key": key})
    return run


def begin_for(target: Target, message: Message, at: datetime) -> None:
    """The run that a route begins for a message, in the caller's transaction."""
    if target.process and target.process.is_active:
        # what a reader knows it by; the rest makes it one run of one message
        key = f"{business_number(message)[:90]}~{opaque_id(message.pk)}"
        _begun(target.process, key, facts_of(message), message, at)


def _begun(
    process: Process, key: str, facts: dict[str, str], message: Message | None, at: datetime
) -> tuple[Run, bool]:
    given = {"steps": process.steps, "facts": facts, "message": message, "due_at": at, "began_at": at}
    return Run.objects.get_or_create(process=process, key=key[:120], defaults=given)


@transaction.atomic
def move(ctx: Ctx, run_id: int, verb: str, *, reason: str = "") -> Run:
    """Cancel a run, try the undoing again, or settle it by hand. Raises Refused not_permitted, wrong_state, missing."""
    ctx.must("bus.run")
    run = Run.objects.select_for_update().filter(pk=run_id).first()
    if run is None:
        raise Refused("bus.no_such_run")
    before = run.state
    run.state = RUN.move(run.state, verb, side=Side.PERSON, given={"reason": reason}).target
    run.due_at, run.reason = now(), reason or run.reason
    run.fence += 1  # whoever has it in hand notes nothing that would overrule this
    run.lease_until = run.lease_until if verb == "cancel" else None
    run.ended_at = now() if run.state == RunState.SETTLED else None
    run.save()
    if verb == "retry":
        run.done.filter(way=UNDO).exclude(outcome=DONE).update(outcome="", attempts=0)
    audit(ctx, "bus.run", "bus_run", run.pk, before={"state": before}, after={"state": run.state, "reason": reason})
    return run


# ---- carrying on ----


def turn(limit: int = 50) -> int:
    """Carry runs on by one step each; how many."""
    with connection.cursor() as cursor:
        at = now()
        cursor.execute(CLAIM, {"at": at, "lease": at + LEASE, "count": limit})
        fences = dict(cursor.fetchall())
    acts = [act for pk, fence in fences.items() if (act := _prepare(pk, fence))]
    for _done in pool().map(_act, acts):
        pass  # a step is short, and its run waits for it anyway
    return len(fences)


@transaction.atomic
def _prepare(run_id: int, fence: int) -> Act | None:
    """What comes next; moves of the life are made here, a step is written down before it is sent."""
    run = Run.objects.select_for_update(of=("self",)).select_related("message__endpoint__service").get(pk=run_id)
    if run.fence != fence:
        return None
    following = orchestration.next_act(run.state, run.steps, _done(run))
    if following.act not in (DO, UNDO):
        _moved(run, following.act)
        return None
    if following.act == DO and inner.carry(run, following.number, now()):
        run.lease_until = None
        run.save(update_fields=["facts", "body", "due_at", "lease_until"])
        return None
    endpoint = _target(run.steps[following.number][following.act])
    if endpoint is None or endpoint.state != EndpointState.OPEN or not _admitted(endpoint):
        Run.objects.filter(pk=run.pk).update(due_at=now() + PAUSE, lease_until=None)
        return None
    step, _made = RunStep.objects.get_or_create(
        run=run, number=following.number, way=following.act, defaults={"began_at": now()}
    )
    RunStep.objects.filter(pk=step.pk).update(attempts=step.attempts + 1)
    return Act(run, fence, following, endpoint)


def _target(act: Mapping[str, Any]) -> Endpoint | None:
    """Where an act goes: to its endpoint, or to the endpoint of its service, the newest serving version first."""
    if "endpoint" in act:
        return Endpoint.objects.filter(code=act["endpoint"]).first()
    serving = Endpoint.objects.filter(service__code=act["service"], service__state__in=SERVING, direction=SENDS)
    return serving.order_by("-service__pk", "pk").first()


def _done(run: Run) -> list[Done]:
    return [Done(*row) for row in run.done.values_list("number", "way", "outcome")]


def _admitted(endpoint: Endpoint) -> bool:
    return endpoint.direction != SENDS or gate.admits(endpoint.pk, Priority.EMERGENCY)


def _moved(run: Run, verb: str) -> None:
    run.state = RUN.move(run.state, verb, side=Side.PLATFORM).target
    run.ended_at = None if run.state in OPEN_RUNS else now()
    run.lease_until, run.due_at = None, now()
    run.save(update_fields=["state", "ended_at", "lease_until", "due_at"])


def _act(act: Act) -> None:
    try:
        result, error = _sent(act)
        _note(act, result, error)
    finally:
        connection.close()  # of this thread


def _sent(act: Act) -> tuple[Result, dict[str, Any] | None]:
    declared = act.run.steps[act.next.number][act.next.act]
    key = f"{act.run.idempotency_key}-{act.next.number}-{act.next.act}"
    try:
        content = transform(inner.content_of(act.run), declared.get("steps", []), act.run.facts)
        if act.endpoint.direction != SENDS:
            return _journal(act, content, key), None
        kind = act.run.message.kind if act.run.message else act.run.process.code
        return senders.send(act.endpoint, Parcel(content, key, kind, act.run.idempotency_key)), None
    except Refused as refused:
        return Result(senders.REFUSED, refused.code[:60]), plain(refused)
    except Exception as wrong:
        log.exception("run %s", act.run.pk)
        return Result(senders.FAILED, type(wrong).__name__[:60]), {"code": "bus.internal", "facts": {}}


def _journal(act: Act, content: Content, key: str) -> Result:
    """A step that puts a message on the bus itself: its key is the control id, so it is there once."""
    digest = hashlib.sha256(content.body).hexdigest()
    facts = act.run.facts
    accept(act.endpoint.pk, [Envelope(
        content.body, digest, f"process^{act.run.process.code}", key, act.run.process.code[:40], "utf-8",
        facts.get("institution", "")[:10], facts.get("patient", "")[:80], facts.get("order", "")[:80], digest,
    )])  # fmt: skip
    return Result(senders.DELIVERED, "journal")


@transaction.atomic
def _note(act: Act, result: Result, error: dict[str, Any] | None) -> None:
    """What became of the step; the run is free again. One who lost the run still notes the step, not the run."""
    at = now()
    if error is None and act.endpoint.direction == SENDS:
        gate.judged(act.endpoint.pk, result.word != senders.AWAY, result.answer, at)
    run = Run.objects.select_for_update().get(pk=act.run.pk)
    step = RunStep.objects.select_for_update().get(run=run, number=act.next.number, way=act.next.act)
    if step.outcome:
        return
    step.outcome = _outcome(act, result, step.attempts)
    step.answer = result.answer
    step.error = (
        None
        if step.outcome == DONE
        else error or {"code": f"bus.step_{result.word}", "facts": {"answer": result.answer}}
    )
    step.ended_at = at if step.outcome else None
    step.save()
    if step.outcome == DONE:
        run.facts |= inner.kept(act.run.steps[act.next.number][act.next.act], Content(result.body))
    run.due_at = at if step.outcome else at + backoff(step.attempts)
    if run.fence == act.fence or run.state == RunState.COMPENSATING:
        run.lease_until = None
    run.save(update_fields=["facts", "due_at", "lease_until"])


def _outcome(act: Act, result: Result, attempts: int) -> str:
    if result.word == senders.DELIVERED:
        return DONE
    if result.word == senders.REFUSED:
        return REFUSED
    most = act.run.steps[act.next.number].get("attempts", ATTEMPTS)
    return UNKNOWN if attempts >= most else ""
