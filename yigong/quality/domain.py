"""The life of an issue, and how figures of quality are made; decided without a database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from yigong.kit.states import Life, Move


class State(StrEnum):
    """Where an issue stands."""

    OPEN = "open"
    ASSIGNED = "assigned"
    FIXED = "fixed"
    WAIVED = "waived"
    DISPUTED = "disputed"
    CLOSED = "closed"


class Side(StrEnum):
    """Who may move an issue."""

    INSTITUTION = "institution"  # the one whose data they are
    COUNTY = "county"  # the data office
    PLATFORM = "platform"  # the re-check


_I, _C, _P = Side.INSTITUTION, Side.COUNTY, Side.PLATFORM
LIFE = Life(
    #    verb       from            to              who  must be given
    Move("assign", State.OPEN, State.ASSIGNED, _I, ("assignee",), inverse="release"),
    Move("assign", State.ASSIGNED, State.ASSIGNED, _I, ("assignee",)),
    Move("release", State.ASSIGNED, State.OPEN, _I),
    Move("fix", State.OPEN, State.FIXED, _I, ("reason",), inverse="unfix"),
    Move("fix", State.ASSIGNED, State.FIXED, _I, ("reason",), inverse="unfix"),
    Move("unfix", State.FIXED, State.OPEN, _I),
    Move("dispute", State.OPEN, State.DISPUTED, _I, ("reason",), inverse="withdraw"),
    Move("dispute", State.ASSIGNED, State.DISPUTED, _I, ("reason",), inverse="withdraw"),
    Move("dispute", State.WAIVED, State.DISPUTED, _I, ("reason",), inverse="withdraw"),
    Move("withdraw", State.DISPUTED, State.OPEN, _I),
    Move("uphold", State.DISPUTED, State.OPEN, _C, ("answer",), timedelta(days=5)),
    Move("concede", State.DISPUTED, State.CLOSED, _C, ("answer",), timedelta(days=5), inverse="reopen"),
    Move("waive", State.OPEN, State.WAIVED, _C, ("waived_until", "reason"), inverse="resume"),
    Move("waive", State.ASSIGNED, State.WAIVED, _C, ("waived_until", "reason"), inverse="resume"),
    Move("resume", State.WAIVED, State.OPEN, _C),
    Move("reopen", State.CLOSED, State.OPEN, _C, ("reason",)),
    Move("expire", State.WAIVED, State.OPEN, _P),
    Move("return", State.FIXED, State.OPEN, _P),  # the re-check still finds it
    Move("recur", State.CLOSED, State.OPEN, _P),
    *(Move("verify", s, State.CLOSED, _P) for s in State if s is not State.CLOSED),
)

#: states in which the institution has something to do
WAITING = (State.OPEN, State.ASSIGNED)
LONGEST_WAIVER = timedelta(days=366)
REPAIR_DAYS: Mapping[str, int] = {"fatal": 3, "error": 7, "warning": 15, "notice": 30}


def due(severity: str, found_on: date) -> date:
    """Until when an issue should be mended."""
    return found_on + timedelta(days=REPAIR_DAYS[severity])


def after_check(state: str, failing: int, *, waived_until: date | None, today: date) -> str:
    """The verb by which a re-check moves an issue; empty when it stays."""
    if failing == 0:
        return "verify" if state != State.CLOSED else ""
    if state == State.FIXED:
        return "return"
    if state == State.CLOSED:
        return "recur"
    if state == State.WAIVED and waived_until is not None and waived_until < today:
        return "expire"
    return ""


#: with fewer judged values, or fewer rules, no score is told
LEAST_JUDGED, LEAST_RULES = 100, 3


@dataclass(frozen=True, slots=True)
class Line:
    """What one rule found."""

    weight: float
    judged: int
    failed: int


@dataclass(frozen=True, slots=True)
class Score:
    """A score of 0 to 100 with what it is made of; *value* None is withheld, *reason* says why."""

    value: float | None
    passed: int
    judged: int
    rules: int
    reason: str = ""  # few_judged few_rules nothing


def score(lines: Iterable[Line], *, least_rules: int = LEAST_RULES) -> Score:
    """The weighted mean of the shares that pass; rules that judged nothing do not count."""
    told = [line for line in lines if line.judged]
    judged = sum(line.judged for line in told)
    passed = judged - sum(line.failed for line in told)
    if not told:
        return Score(None, 0, 0, 0, "nothing")
    if judged < LEAST_JUDGED:
        return Score(None, passed, judged, len(told), "few_judged")
    if len(told) < least_rules:
        return Score(None, passed, judged, len(told), "few_rules")
    weight = sum(line.weight for line in told)
    value = sum(line.weight * (1 - line.failed / line.judged) for line in told) / weight * 100
    best = 100.0 if passed == judged else 99.9  # never perfect while a row fails
    return Score(min(round(value, 2), best), passed, judged, len(told))
