"""How a node stands, and what may be done with it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from yigong.kit.states import Life, Move

CODE_HOURS = 24  # how long an enrolment code is good
SILENT_AFTER = timedelta(minutes=10)  # without a word a node counts as silent
DRIFT_SECONDS = 120  # a clock further off is called wrong
LOW_DISK_SHARE = 0.05
PROCESSES = 6  # of a node that are remembered
TWIN_REMEMBERED = timedelta(hours=1)  # how long a second machine that fell quiet is still told of


class State(StrEnum):
    """How a node stands."""

    INVITED = "invited"
    ENROLLED = "enrolled"
    ACTIVE = "active"
    SILENT = "silent"
    REVOKED = "revoked"


class Side(StrEnum):
    """Who moves it."""

    CLERK = "clerk"
    NODE = "node"
    CLOCK = "clock"


S, W = State, Side
LIFE = Life(
    Move("invite", S.INVITED, S.INVITED, W.CLERK),  # a new code in place of the one before
    Move("enrol", S.INVITED, S.ENROLLED, W.NODE),
    Move("report", S.ENROLLED, S.ACTIVE, W.NODE),
    Move("report", S.SILENT, S.ACTIVE, W.NODE),
    Move("silence", S.ENROLLED, S.SILENT, W.CLOCK),
    Move("silence", S.ACTIVE, S.SILENT, W.CLOCK),
    Move("revoke", S.INVITED, S.REVOKED, W.CLERK, needs=("reason",)),
    Move("revoke", S.ENROLLED, S.REVOKED, W.CLERK, needs=("reason",)),
    Move("revoke", S.ACTIVE, S.REVOKED, W.CLERK, needs=("reason",)),
    Move("revoke", S.SILENT, S.REVOKED, W.CLERK, needs=("reason",)),
)
#: states in which the centre listens to a node
HEARD = (S.ENROLLED, S.ACTIVE, S.SILENT)


def troubles(facts: Mapping[str, Any]) -> list[str]:
    """What is wrong with a node by its own last word: codes, the gravest first."""
    found = ["twin"] if facts.get("twin_at") else []
    if facts.get("stopped"):
        found.append(str(facts["stopped"]).removeprefix("edge."))
    if (facts.get("configuration_refused") or {}).get("version"):
        found.append("configuration_refused")
    if any(f.get("error") for f in facts.get("feeds") or ()):
        found.append("feed_failed")
    if any((f.get("waiting") or {}).get("refused") for f in facts.get("feeds") or ()):
        found.append("bundle_refused")
    if abs(facts.get("drift_ms") or 0) > DRIFT_SECONDS * 1000:
        found.append("clock")
    machine = facts.get("machine") or {}
    if machine.get("disk_total") and (machine.get("disk_free") or 0) / machine["disk_total"] < LOW_DISK_SHARE:
        found.append("disk_low")
    return list(dict.fromkeys(found))


def with_processes(facts: Mapping[str, Any], before: Mapping[str, Any], moment: datetime) -> dict[str, Any]:
    """A node's word with what the centre remembers of its processes: one that speaks again after another did is a second machine."""
    told, known = str(facts.get("process") or "")[:32], [str(p) for p in before.get("processes") or ()]
    twin_at = str(before.get("twin_at") or "")
    if twin_at and moment - datetime.fromisoformat(twin_at) > TWIN_REMEMBERED:
        twin_at = ""
    if told in known[:-1]:
        twin_at = moment.isoformat()
    processes = [*(p for p in known if p != told), told][-PROCESSES:] if told else known
    return {**facts, "processes": processes, "twin_at": twin_at}


def is_silent(
    last_seen_at: datetime | None, since: datetime, moment: datetime, limits: Mapping[str, Any] | None = None
) -> bool:
    """Whether nothing was heard for too long: longer than its own bound, and than three of its beats."""
    given = limits or {}
    longest = timedelta(minutes=int(given.get("silent_minutes") or 0)) or SILENT_AFTER
    return moment - (last_seen_at or since) > max(longest, timedelta(seconds=3 * int(given.get("beat_seconds") or 0)))


def after_failure(attempts: int) -> timedelta:
    """How long a bundle waits after its n-th failure: 1, 2, 4 … at most 30 minutes. It is never given up."""
    return timedelta(minutes=min(30, 2 ** max(0, min(attempts, 10) - 1)))
