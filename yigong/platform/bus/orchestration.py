"""What a run of a process does next, from what it has done; the steps as they are declared. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from yigong.kit.errors import Refused
from yigong.platform.bus.domain import RunState

DO, UNDO = "do", "undo"
#: outcomes of a step: the receiver did it; it will never do it; nobody knows, for it was given up without an answer
DONE, REFUSED, UNKNOWN = "done", "refused", "unknown"
#: a step whose condition did not hold, or that a branch left out: it counts as done going forward, and left nothing
SKIPPED = "skipped"
#: kind of step -> what its act must and may say; ``send`` goes to an endpoint, ``call`` to the endpoint of a registered service
KINDS: Mapping[str, tuple[frozenset[str], frozenset[str]]] = {
    "send": (frozenset({"endpoint"}), frozenset({"steps", "keep"})),
    "call": (frozenset({"service"}), frozenset({"steps", "keep"})),
    "transform": (frozenset({"steps"}), frozenset({"keep"})),
    "wait": (frozenset({"number", "value"}), frozenset({"type", "hours", "keep"})),
    "branch": (frozenset({"if", "to"}), frozenset()),
}
#: kinds that nobody outside hears of: they are carried out in the transaction that reads the run
INNER = frozenset({"transform", "wait", "branch"})
NUMBERS = ("patient", "order", "visit", "document")
WAIT_HOURS, LONGEST_WAIT = 72, 24 * 90
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
        if had not in (DONE, SKIPPED):
            return Next(DO, number)
    return Next("finish")


def _back(steps: Sequence[Mapping[str, Any]], outcome: Mapping[tuple[str, int], str]) -> Next:
    for number in reversed(range(len(steps))):
        begun = (DO, number) in outcome and outcome[DO, number] not in (REFUSED, SKIPPED)
        if not begun or not steps[number].get(UNDO):
            continue
        had = outcome.get((UNDO, number), "")
        if had in (REFUSED, UNKNOWN):
            return Next("give_up")
        if had != DONE:
            return Next(UNDO, number)
    return Next("complete")


def kind_of(step: Mapping[str, Any]) -> str:
    """What kind of step it is."""
    return str(step.get("kind", "send"))


def left_out(steps: Sequence[Mapping[str, Any]], number: int) -> range:
    """The steps that a branch leaves out when its condition holds."""
    return range(number + 1, int(steps[number][DO]["to"]) - 1)


def check(steps: Any) -> list[dict[str, Any]]:
    """The steps as they may be kept; what they send and say is checked by the caller.

    Raises Refused bus.no_steps, bus.step_unnamed, bus.step_kind, bus.step_attempts, bus.step_parts, bus.step_target,
    bus.step_wait, bus.step_branch, bus.step_undo.
    """
    if not isinstance(steps, list) or not 0 < len(steps) <= MOST_STEPS:
        raise Refused("bus.no_steps", number=0, most=MOST_STEPS)
    for number, step in enumerate(steps, start=1):
        if not isinstance(step, dict) or not str(step.get("name", "")).strip():
            raise Refused("bus.step_unnamed", number=number)
        _known(number, step["name"], step, {"name", "kind", "when", "do", "undo", "attempts"})
        _check_step(number, step, len(steps))
    return steps


def _check_step(number: int, step: Mapping[str, Any], count: int) -> None:
    name, kind = step["name"], kind_of(step)
    if kind not in KINDS:
        raise Refused("bus.step_kind", number=number, name=name, kind=kind[:20], known=sorted(KINDS))
    if not 1 <= _whole(step.get("attempts", ATTEMPTS)) <= 100:
        raise Refused("bus.step_attempts", number=number, name=name)
    _check_act(number, name, kind, step.get(DO))
    undo = step.get(UNDO)
    if undo is not None:
        if kind in INNER:
            raise Refused("bus.step_undo", number=number, name=name)
        _check_act(number, name, "call" if isinstance(undo, dict) and "service" in undo else "send", undo)
    if kind == "wait":
        _check_wait(number, name, step[DO])
    if kind == "branch" and not number < _whole(step[DO]["to"]) <= count + 1:
        raise Refused("bus.step_branch", number=number, name=name, least=number + 1, most=count + 1)


def _check_act(number: int, name: str, kind: str, act: Any) -> None:
    must, may = KINDS[kind]
    if not isinstance(act, dict) or any(not act.get(part) for part in must & {"endpoint", "service"}):
        raise Refused("bus.step_target", number=number, name=name)
    if missing := sorted(part for part in must if not act.get(part)):
        raise Refused("bus.step_parts", number=number, name=name, missing=missing, unknown=[])
    _known(number, name, act, must | may)
    if not isinstance(act.get("keep", {}), dict):
        raise Refused("bus.step_parts", number=number, name=name, missing=["keep"], unknown=[])


def _check_wait(number: int, name: str, act: Mapping[str, Any]) -> None:
    if act["number"] not in NUMBERS or not 1 <= _whole(act.get("hours", WAIT_HOURS)) <= LONGEST_WAIT:
        raise Refused("bus.step_wait", number=number, name=name, known=list(NUMBERS), most=LONGEST_WAIT)


def _known(number: int, name: str, said: Mapping[str, Any], known: Iterable[str]) -> None:
    if unknown := sorted(set(said) - set(known)):
        raise Refused("bus.step_parts", number=number, name=name, missing=[], unknown=unknown)


def _whole(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
