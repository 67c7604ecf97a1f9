"""The steps of a process that nobody outside hears of: transform, wait, branch, and conditions. In the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from yigong.kit.errors import Refused
from yigong.platform.bus.content import Content
from yigong.platform.bus.models import Message, Run, RunStep
from yigong.platform.bus.orchestration import DO, DONE, INNER, REFUSED, SKIPPED, WAIT_HOURS, kind_of, left_out
from yigong.platform.bus.steps import evaluate, holds, transform

LOOK_AGAIN = timedelta(seconds=10)


def content_of(run: Run) -> Content:
    """What the run carries: its message, or what a transforming step has made of it."""
    if run.body is not None:
        return Content(bytes(run.body))
    return Content(bytes(run.message.raw)) if run.message else Content(b"{}")


def carry(run: Run, number: int, at: datetime) -> bool:
    """Carry out a step here if it is of the house, or leave it out; False when it is to be sent. The run is saved by the caller."""
    step = run.steps[number]
    try:
        if not holds(str(step.get("when", "")), content_of(run), run.facts):
            _note(run, number, SKIPPED, at)
            return True
        if kind_of(step) not in INNER:
            return False
        CARRIERS[kind_of(step)](run, number, step[DO], at)
    except Refused as refused:
        facts = {k: v for k, v in refused.facts.items() if isinstance(v, str | int | list)}
        _note(run, number, REFUSED, at, error={"code": refused.code, "facts": facts})
    return True


def _note(run: Run, number: int, outcome: str, at: datetime, *, answer: str = "", error: Any = None) -> None:
    given = {"outcome": outcome, "attempts": 1, "ended_at": at, "answer": answer, "error": error}
    RunStep.objects.update_or_create(
        run=run, number=number, way=DO, defaults=given, create_defaults={**given, "began_at": at}
    )
    run.due_at = at


def _transform(run: Run, number: int, act: Mapping[str, Any], at: datetime) -> None:
    made = transform(content_of(run), act["steps"], run.facts)
    run.body = made.body
    run.facts |= kept(act, made)
    _note(run, number, DONE, at)


def _branch(run: Run, number: int, act: Mapping[str, Any], at: datetime) -> None:
    taken = holds(str(act["if"]), content_of(run), run.facts)
    for other in left_out(run.steps, number) if taken else ():
        _note(run, other, SKIPPED, at)
    _note(run, number, DONE, at, answer=str(act["to"]) if taken else "")


def _wait(run: Run, number: int, act: Mapping[str, Any], at: datetime) -> None:
    """Look for the answer; one that does not come in time ends the way forward."""
    value = awaited(act, content_of(run), run.facts)
    step, _made = RunStep.objects.get_or_create(run=run, number=number, way=DO, defaults={"began_at": at})
    found = _arrived(run, act, value)
    if found is not None:
        run.facts |= kept(act, Content(bytes(found.raw)))
        _note(run, number, DONE, at, answer=found.kind[:60])
    elif not value or at - step.began_at >= timedelta(hours=act.get("hours", WAIT_HOURS)):
        facts = {"hours": act.get("hours", WAIT_HOURS), "type": act.get("type", "")}
        _note(run, number, REFUSED, at, error={"code": "bus.no_answer" if value else "bus.no_number", "facts": facts})
    else:
        run.due_at = at + LOOK_AGAIN


def awaited(act: Mapping[str, Any], content: Content, facts: Mapping[str, str]) -> str:
    """The business number that the answer must bear."""
    return evaluate({"value": str(act["value"])}, content, facts)["value"]


def _arrived(run: Run, act: Mapping[str, Any], value: str) -> Message | None:
    """The first message since the run began that bears the number and is of the type."""
    since = Message.objects.filter(keys__contains=[f"{act['number']}:{value}"[:120]], received_at__gte=run.began_at)
    if run.message_id:
        since = since.exclude(pk=run.message_id)
    if act.get("type"):
        since = since.filter(kind=act["type"])
    return since.order_by("pk").first() if value else None


def kept(act: Mapping[str, Any], content: Content) -> dict[str, str]:
    """What an act keeps of a message, for the steps after it."""
    return {name: content.value(str(path)) for name, path in act.get("keep", {}).items()}


CARRIERS = {"transform": _transform, "wait": _wait, "branch": _branch}
