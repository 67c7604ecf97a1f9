"""What a run of a process does next, from what it has done; the steps as they are declared. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from yigong.kit.errors import Refused
from yigong.platform.bus.domain import RunState

DO, UNDO = "do", "undo"
#: outcomes of a step: the receiver did it; it will never do it; nobody knows, for it was given up without an answer
DONE, REFUSED, UNKNOWN = "done", "refused", "unknown"
ATTEMPTS = 8
MOST_STEPS = 30


class Done(NamedTuple):
    """What became of a step in one way; an empty outcome is under way or to be tried again."""

    number: int
    way: str
    outcome: str


class Next(NamedTuple):
    """The next act: a step to do or undo, or a verb of the life cycle (``finish compensate complete give_up``)."""

    act: str
    number: int = -1


def next_act(state: str, steps: Sequence[Mapping[str, Any]], done: Iterable[Done]) -> Next:
    """Forward in order until the end or a step that did not come about; then back in reverse order.

    A step that is done, and one of which nobody knows, is undone if it says how; one that was refused left nothing.
    """
    outcome = {(d.way, d.number): d.outcome for d in done}
    if state == RunState.RUNNING:
        return _forward(steps, outcome)
    if state == RunState.COMPENSATING:
        return _back(steps, outcome)
    return Next("")


def _forward(steps: Sequence[Mapping[str, Any]], outcome: Mapping[tuple[str, int], str]) -> Next:
    for number in range(len(steps)):
        had = outcome.get((DO, number), "")
        if had in (REFUSED, UNKNOWN):
            return Next("compensate")
        if had != DONE:
            return Next(DO, number)
    return Next("finish")


def _back(steps: Sequence[Mapping[str, Any]], outcome: Mapping[tuple[str, int], str]) -> Next:
    for number in reversed(range(len(steps))):
        begun = (DO, number) in outcome and outcome[DO, number] != REFUSED
        if not begun or not steps[number].get(UNDO):
            continue
        had = outcome.get((UNDO, number), "")
        if had in (REFUSED, UNKNOWN):
            return Next("give_up")
        if had != DONE:
            return Next(UNDO, number)
    return Next("complete")


def check(steps: Any) -> list[dict[str, Any]]:
    """The steps as they may be kept; what they send is checked by the caller. Raises Refused bus.bad_process."""
    if not isinstance(steps, list) or not 0 < len(steps) <= MOST_STEPS:
        raise Refused("bus.bad_process", number=0, why=f"1–{MOST_STEPS}")
    for number, step in enumerate(steps, start=1):
        if (
            not isinstance(step, dict)
            or not str(step.get("name", "")).strip()
            or set(step) - {"name", "do", "undo", "attempts"}
        ):
            raise Refused("bus.bad_process", number=number, why="name, do, undo, attempts")
        if not 1 <= _whole(step.get("attempts", ATTEMPTS)) <= 100:
            raise Refused("bus.bad_process", number=number, why="attempts: 1–100")
        for way in (DO, UNDO):
            _check_act(number, way, step.get(way))
    return steps


def _check_act(number: int, way: str, act: Any) -> None:
    if act is None and way == UNDO:
        return
    known = {"endpoint", "steps", "keep"}
    if not isinstance(act, dict) or not act.get("endpoint") or set(act) - known:
        raise Refused("bus.bad_process", number=number, why=f"{way}: endpoint, steps, keep")
    if not isinstance(act.get("keep", {}), dict):
        raise Refused("bus.bad_process", number=number, why=f"{way}.keep: {{name: path}}")


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
