"""A process tried on a kept message: what each step would do, without sending, waiting or writing anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from yigong.kit.errors import Refused
from yigong.platform.bus import inner
from yigong.platform.bus.content import Content
from yigong.platform.bus.delivery import facts_of
from yigong.platform.bus.models import Message
from yigong.platform.bus.orchestration import DO, kind_of, left_out
from yigong.platform.bus.steps import holds, transform


class Played(NamedTuple):
    """One step: ``send call transform wait branch skipped refused``, what it would send or wait for, or why it cannot."""

    number: int
    name: str
    word: str
    said: str = ""  # target, awaited number, or the step that comes next
    body: bytes = b""
    refused: Refused | None = None


def rehearse(steps: Sequence[Mapping[str, Any]], message: Message) -> list[Played]:
    """The steps in order on a message; values that answers would give are empty."""
    content, facts = Content(bytes(message.raw)), dict(facts_of(message))
    played: list[Played] = []
    skipped: set[int] = set()
    for number, step in enumerate(steps):
        try:
            one, content = _played(steps, number, content, facts, number in skipped)
        except Refused as refused:
            return [*played, Played(number + 1, str(step["name"]), "refused", refused=refused)]
        if one.word == "branch" and one.said:
            skipped |= set(left_out(steps, number))
        played.append(one)
    return played


def _played(
    steps: Sequence[Mapping[str, Any]], number: int, content: Content, facts: Mapping[str, str], is_left_out: bool
) -> tuple[Played, Content]:
    step = steps[number]
    name, kind, act = str(step["name"]), kind_of(step), step[DO]
    if is_left_out or not holds(str(step.get("when", "")), content, facts):
        return Played(number + 1, name, "skipped"), content
    match kind:
        case "branch":
            to = str(act["to"]) if holds(str(act["if"]), content, facts) else ""
            return Played(number + 1, name, kind, to), content
        case "wait":
            return Played(number + 1, name, kind, inner.awaited(act, content, facts)), content
    made = transform(content, act.get("steps", []), facts)
    if kind == "transform":
        return Played(number + 1, name, kind, body=made.body), made
    return Played(number + 1, name, kind, str(act.get("endpoint") or act.get("service")), made.body), content
